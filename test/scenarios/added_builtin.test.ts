/** A built-in function is one file and one line: everything else learns of it from the registry. */
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import type { BuiltinSpec } from '../../actors/builtins/index.ts'
import { waitForTask } from '../../client/index.ts'
import { copyCode } from '../support/code_copy.ts'
import { invokeTask, startTestDeployment } from '../support/deployment.ts'

/** As an author would write it, compiled. */
const SHOUT = `
export const shout = {
  spec: {
    name: 'builtin-shout',
    description: 'Answers louder',
    executor: 'builtin',
    arguments: [{ key: 'message', overridable: true }],
    inputs: [],
    outputs: [],
  },
  run: async ({ arguments: { message } }) => message.toUpperCase(),
}
`

test('a built-in function that is added to the registry can be registered and run', async () => {
  await using code = await copyCode()
  const builtins = join(dirname(code.entryPath), 'builtins')
  await writeFile(join(builtins, 'shout.js'), SHOUT)
  await code.change('actors/builtins/registry.js', (text) => {
    const added = `import { shout } from './shout.js'\n${text.replace(/(const builtins = \[)/, '$1shout, ')}`
    expect(added).toContain('[shout, ')
    return added
  })
  const added = (await import(join(builtins, 'index.js'))) as { builtinSpecs: Record<string, BuiltinSpec> }

  await using platform = await startTestDeployment(code.options)
  const { api } = platform.admin
  const { function_id } = await api.register_function({ ...added.builtinSpecs['builtin-shout']!, public: true })
  const task = await waitForTask(api, await invokeTask(platform.admin, function_id, { message: 'hello' }))
  expect(task).toMatchObject({ state: 'Finished' })
  expect(Buffer.from(task.result!.return_value).toString()).toBe('HELLO')
})
