/** builtin-echo: returns its argument `message`; text as it is, anything else as JSON. */
import type { Builtin } from './builtin.ts'
import { FunctionFailure } from './builtin.ts'

export const echo: Builtin = {
  spec: {
    name: 'builtin-echo',
    description: 'Answers with its message',
    executor: 'builtin',
    arguments: [{ key: 'message', default: '', overridable: true }],
    inputs: [],
    outputs: [],
  },
  async run({ arguments: { message } }) {
    if (message === undefined) throw new FunctionFailure('the argument "message" is missing')
    return typeof message === 'string' ? message : JSON.stringify(message)
  },
}
