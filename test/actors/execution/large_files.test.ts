/** Files larger than what may be held: the worker decrypts, runs and encrypts them part by part. */
import { createCipheriv } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import type { RunOrder } from '../../../messages/index.ts'
import { BUILTIN_THREAD, crypto, declared, output, ScriptedTasks } from './scripted_tasks.ts'

const LINES = 1_000_000
const MiB = 1024 * 1024

/** Sorted lines of 65 bytes, encrypted as they are asked for, so that they are nowhere as a whole. */
async function* encryptedLines(step: number): AsyncGenerator<Uint8Array, void, undefined> {
  const cipher = createCipheriv('aes-128-gcm', crypto.key, 'iv' in crypto ? crypto.iv : Buffer.alloc(12))
  cipher.setAAD(Buffer.alloc(8))
  for (let from = 0; from < LINES; from += 1_000) {
    const lines = Array.from({ length: 1_000 }, (_, n) => String((from + n) * step).padStart(64, '0'))
    yield cipher.update(`${lines.join('\n')}\n`)
  }
  cipher.final()
  yield cipher.getAuthTag()
}

async function inputOf(name: string, step: number): Promise<RunOrder['inputs'][number]> {
  let tag: Uint8Array = new Uint8Array(0)
  for await (const part of encryptedLines(step)) tag = part
  return {
    name,
    data_id: 'input-00000000-0000-4000-8000-000000000000',
    url: `nats-object://files/${step}`,
    crypto,
    tag,
  }
}

test('two inputs of 62 MiB leave less than 64 MiB behind at any time', { timeout: 60_000 }, async () => {
  const tasks = new ScriptedTasks()
  await tasks.startWorker(BUILTIN_THREAD)
  vi.spyOn(tasks.files, 'stream').mockImplementation((_bucket, step) => encryptedLines(Number(step)))
  const order: Partial<RunOrder> = {
    function_name: 'builtin-ordered-set-intersect',
    arguments: { order: 'ascending' },
    inputs: [await inputOf('input_data1', 2), await inputOf('input_data2', 3)],
    outputs: ['output_result1', 'output_result2'].map(output),
    declared_outputs: ['output_result1', 'output_result2'].map((name) => declared(name)),
    timeout_ms: 600_000,
  }
  const before = process.memoryUsage().rss
  let most = 0
  const sampling = setInterval(() => (most = Math.max(most, process.memoryUsage().rss - before)), 20)
  const taskId = await tasks.stage(order)
  const outcome = await tasks.reportOf(taskId)
  clearInterval(sampling)
  expect(outcome).toMatchObject({ status: 'ok' })
  expect(Buffer.from(outcome.status === 'ok' ? outcome.result.return_value : []).toString()).toBe('333334 common items')
  expect(most).toBeGreaterThan(0)
  expect(most).toBeLessThan(64 * MiB)
})
