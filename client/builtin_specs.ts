/** How the built-in functions are registered: their arguments and files, as the platform's manual lists them. */

/** Everything of a function's registration but who may use it. */
export interface BuiltinSpec {
  name: string
  description: string
  executor: 'builtin'
  arguments: { key: string; default?: string; overridable: boolean }[]
  inputs: { name: string; description: string }[]
  outputs: { name: string; description: string }[]
}

export const BUILTINS: Readonly<Record<string, BuiltinSpec>> = {
  'builtin-echo': {
    name: 'builtin-echo',
    description: 'Answers with its message',
    executor: 'builtin',
    arguments: [{ key: 'message', default: '', overridable: true }],
    inputs: [],
    outputs: [],
  },
  'builtin-ordered-set-intersect': {
    name: 'builtin-ordered-set-intersect',
    description: 'Says for each line of two sorted lists whether the other has it too',
    executor: 'builtin',
    arguments: [{ key: 'order', default: 'ascending', overridable: true }],
    inputs: [
      { name: 'input_data1', description: 'sorted lines of the first party' },
      { name: 'input_data2', description: 'sorted lines of the second party' },
    ],
    outputs: [
      { name: 'output_result1', description: '0 or 1 for each line of the first party' },
      { name: 'output_result2', description: '0 or 1 for each line of the second party' },
    ],
  },
}
