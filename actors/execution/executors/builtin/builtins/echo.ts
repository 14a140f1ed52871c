/** builtin-echo: returns its argument `message`; text as it is, anything else as JSON. */
import type { Builtin } from './builtin.ts'
import { FunctionFailure } from './builtin.ts'

export const echo: Builtin = async ({ arguments: { message } }) => {
  if (message === undefined) throw new FunctionFailure('the argument "message" is missing')
  return typeof message === 'string' ? message : JSON.stringify(message)
}
