/** The built-in functions by name; another one is a file beside this and a line here. */
import type { Builtin } from './builtin.ts'
import { echo } from './echo.ts'
import { orderedSetIntersect } from './ordered_set_intersect.ts'

export const BUILTINS: ReadonlyMap<string, Builtin> = new Map([
  ['builtin-echo', echo],
  ['builtin-ordered-set-intersect', orderedSetIntersect],
])
