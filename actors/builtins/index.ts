/**
 * This drawer holds the built-in functions, which are no service: execution runs them, management knows their names,
 * and the operator's commands register them.
 */
export { FunctionFailure } from './builtin.ts'
export type { BuiltinCall, BuiltinSpec } from './builtin.ts'
export { BUILTINS, builtinSpecs } from './registry.ts'
