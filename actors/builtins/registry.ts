/** The built-in functions by name. Another one is a file beside this one, and a line here. */
import { fromKeys } from '../../messages/index.ts'
import type { Builtin, BuiltinSpec } from './builtin.ts'
import { echo } from './echo.ts'
import { orderedSetIntersect } from './ordered_set_intersect.ts'

const builtins: readonly Builtin[] = [echo, orderedSetIntersect]

export const BUILTINS: ReadonlyMap<string, Builtin> = new Map(builtins.map((builtin) => [builtin.spec.name, builtin]))

/** How each is registered. */
export const builtinSpecs: Readonly<Record<string, BuiltinSpec>> = fromKeys(
  [...BUILTINS.keys()],
  (name) => BUILTINS.get(name)!.spec,
)
