/**
 * What a worker does with the files of a run: inputs that must match their tags, outputs that are never overwritten.
 */
import { describe, expect, test, vi } from 'vitest'
import { encryptFile } from '../../../attestation/sealing/file_schemes/scheme.ts'
import { Refusal } from '../../../messages/index.ts'
import { SCRIPTED_THREAD, scripted, ScriptedTasks, crypto, output, declared } from './scripted_tasks.ts'

describe('inputs', () => {
  const input = (file: Uint8Array, tag: Uint8Array) => ({
    inputs: [
      {
        name: 'data',
        data_id: 'input-00000000-0000-4000-8000-000000000000',
        url: `data:;base64,${Buffer.from(file).toString('base64')}`,
        crypto,
        tag,
      },
    ],
  })

  test('that do not match their registered tag never reach the function', async () => {
    const tasks = new ScriptedTasks()
    await tasks.startWorker(SCRIPTED_THREAD)
    const { bytes } = encryptFile(Buffer.from('content'), crypto)
    const taskId = await tasks.stage({ ...scripted('say', 'ran'), ...input(bytes, Buffer.alloc(16)) })
    expect(await tasks.reportOf(taskId)).toMatchObject({ status: 'error', code: 'tag_mismatch' })
  })

  test('that are not there fail the task, and say which one', async () => {
    const tasks = new ScriptedTasks()
    await tasks.startWorker(SCRIPTED_THREAD)
    const missing = input(Buffer.alloc(16), Buffer.alloc(16)).inputs[0]!
    const taskId = await tasks.stage({
      ...scripted('say', 'ran'),
      inputs: [{ ...missing, url: 'nats-object://files/missing' }],
    })
    const outcome = await tasks.reportOf(taskId)
    expect(outcome).toMatchObject({
      status: 'error',
      code: 'not_found',
      message: expect.stringContaining('"data"') as string,
    })
  })

  test('that the object store cannot give now are asked for again in another attempt', async () => {
    const tasks = new ScriptedTasks()
    await tasks.startWorker(SCRIPTED_THREAD)
    const stream = vi.spyOn(tasks.files, 'stream').mockImplementationOnce(() => {
      throw new Refusal('unavailable', 'the broker restarts')
    })
    const { bytes, tag } = encryptFile(Buffer.from('content'), crypto)
    await tasks.files.write('files', 'late', bytes)
    const late = { ...input(bytes, tag).inputs[0]!, url: 'nats-object://files/late' }
    const taskId = await tasks.stage({ ...scripted('say', 'ran'), inputs: [late] })
    await tasks.until(() => stream.mock.calls.length === 1)
    await tasks.until(() => (tasks.clock.advance(100), tasks.claims.length === 2))
    expect(tasks.claims.map(({ token }) => token)).toEqual(['1.1', '1.2'])
    expect(await tasks.reportOf(taskId)).toMatchObject({ status: 'ok' })
  })
})

describe('outputs', () => {
  const writes = (files: Record<string, string>, names: string[], optional = false) => ({
    ...scripted('write', files),
    outputs: names.map(output),
    declared_outputs: names.map((name) => declared(name, optional)),
  })

  test('of a rerun that are the same as those of the lost attempt count as written', async () => {
    const tasks = new ScriptedTasks()
    await tasks.startWorker(SCRIPTED_THREAD)
    await tasks.files.write('files', 'one', encryptFile(Buffer.from('same'), crypto).bytes)
    const taskId = await tasks.stage({ ...writes({ one: 'same', two: 'new' }, ['one', 'two']), attempt: 2 })
    expect(await tasks.reportOf(taskId)).toMatchObject({ status: 'ok' })
    expect(await tasks.files.exists('files', 'two')).toBe(true)
  })

  test('are never overwritten by others, and then none of them is written', async () => {
    const tasks = new ScriptedTasks()
    await tasks.startWorker(SCRIPTED_THREAD)
    const before = encryptFile(Buffer.from('precious'), crypto).bytes
    await tasks.files.write('files', 'two', before)
    for (const attempt of [1, 2]) {
      const taskId = await tasks.stage({ ...writes({ one: 'a', two: 'b' }, ['one', 'two']), attempt })
      expect(await tasks.reportOf(taskId)).toMatchObject({ status: 'error', code: 'already_exists' })
    }
    expect(await tasks.files.exists('files', 'one')).toBe(false)
    expect(Buffer.compare(await tasks.files.read('files', 'two', 1000), before)).toBe(0)
  })

  test('that the task assigns must be written, unless the function declares them optional', async () => {
    const tasks = new ScriptedTasks()
    await tasks.startWorker(SCRIPTED_THREAD)
    const missing = await tasks.stage(writes({}, ['one']))
    expect(await tasks.reportOf(missing)).toMatchObject({ code: 'function_failed' })
    const optional = await tasks.stage(writes({}, ['one'], true))
    expect(await tasks.reportOf(optional)).toMatchObject({ status: 'ok', result: { output_tags: {} } })
  })

  test('that the task does not assign fail the function', async () => {
    const tasks = new ScriptedTasks()
    await tasks.startWorker(SCRIPTED_THREAD)
    const taskId = await tasks.stage(writes({ one: 'a', other: 'b' }, ['one']))
    expect(await tasks.reportOf(taskId)).toMatchObject({ code: 'function_failed' })
    expect(await tasks.files.exists('files', 'one')).toBe(false)
  })
})
