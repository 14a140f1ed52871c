/**
 * One run, from its order to its outcome: inputs in, function, outputs out, receipt. The function's failure, a timeout
 * and a file that does not match are outcomes; trouble of our own is thrown, and the task is given back for another
 * attempt.
 */
import { createHash } from 'node:crypto'
import type { Executor as ExecutorName, RunOrder, RunOutcome } from '../../messages/index.ts'
import { isRetryable, mapValues, Refusal, RESULT_BYTES_MAX } from '../../messages/index.ts'
import type { Clock, ServiceHost, SpoolFolder } from '../../runtime/index.ts'
import type { Executor, RunProduct } from './executors/executor.ts'
import type { FilePlaces } from './files/file_places.ts'
import { InputFiles } from './files/input_files.ts'
import { OutputFiles } from './files/output_files.ts'
import { readPayload } from './files/payload.ts'

const MESSAGE_CHARS_MAX = 4_000

export type RunTools = Pick<ServiceHost, 'clock' | 'signReceipt'> & {
  places: FilePlaces
  spool: SpoolFolder
  executors: ReadonlyMap<ExecutorName, Executor>
}

/**
 * @param signal aborts when the run is to be given up: canceled, or the worker stops
 * @throws the signal's reason; anything that another attempt may not meet
 */
export async function produceOutcome(order: RunOrder, tools: RunTools, signal: AbortSignal): Promise<RunOutcome> {
  const limit = limitTime(order, tools.clock, signal)
  try {
    return await runOrder(order, tools, limit.signal)
  } catch (error) {
    // Whatever an aborted run fails with, the reason is why it was aborted.
    signal.throwIfAborted()
    const reason: unknown = limit.signal.aborted ? limit.signal.reason : error
    if (!(reason instanceof Refusal)) throw reason
    if (isRetryable(reason) && reason.code !== 'deadline_exceeded') throw reason
    return { status: 'error', code: reason.code, message: reason.message.slice(0, MESSAGE_CHARS_MAX) }
  } finally {
    limit.end()
  }
}

async function runOrder(order: RunOrder, tools: RunTools, signal: AbortSignal): Promise<RunOutcome> {
  const executor = tools.executors.get(order.executor)
  if (executor === undefined) throw new Refusal('unsupported', `this worker has no executor "${order.executor}"`)
  signal.throwIfAborted()
  const startedAt = tools.clock.now()
  await using inputs = await InputFiles.open(order, tools.places, signal)
  await using outputs = new OutputFiles(order, tools.spool)
  const payload = await readPayload(order, tools.places, signal)
  const files = {
    read: (name: string) => inputs.read(name),
    write: (name: string, bytes: Uint8Array) => outputs.write(name, bytes),
  }
  const product = await executor.run({ ...order, payload }, files, signal)
  if (product.returnValue.length > RESULT_BYTES_MAX) {
    throw new Refusal('function_failed', `the return value is larger than ${RESULT_BYTES_MAX} bytes`)
  }
  // Nothing leaves a run that was stopped: its task may have ended, or belong to another worker.
  signal.throwIfAborted()
  const outputTags = await outputs.store(tools.places, signal)
  const times = { started_at: startedAt, finished_at: tools.clock.now() }
  const receipt = await tools.signReceipt(receiptClaims(order, product, outputTags, times))
  return {
    status: 'ok',
    result: { return_value: product.returnValue, output_tags: outputTags, log: product.log, receipt },
  }
}

/** What the worker's attested key vouches for. */
function receiptClaims(
  order: RunOrder,
  product: RunProduct,
  outputTags: Record<string, Uint8Array>,
  times: { started_at: number; finished_at: number },
): Record<string, unknown> {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
  return {
    task_id: order.task_id,
    terms_digest: order.terms_digest,
    function_digest: order.function_digest,
    inputs: Object.fromEntries(order.inputs.map(({ name, tag }) => [name, base64(tag)])),
    outputs: mapValues(outputTags, base64),
    result_digest: createHash('sha256').update(product.returnValue).digest('hex'),
    attempt: order.attempt,
    token: order.token,
    ...times,
  }
}

/** A signal that also aborts at the run's timeout or the task's deadline, whichever is earlier. */
function limitTime({ timeout_ms, deadline }: RunOrder, clock: Clock, outer: AbortSignal) {
  const controller = new AbortController()
  const leftMs = (deadline ?? Number.POSITIVE_INFINITY) - clock.now()
  const text =
    leftMs < timeout_ms
      ? 'the deadline of the task passed before its run ended'
      : `the run took longer than its timeout of ${timeout_ms} ms`
  const onOuter = () => controller.abort(outer.reason)
  const onTime = () => controller.abort(new Refusal('deadline_exceeded', text))
  if (outer.aborted) onOuter()
  else if (leftMs <= 0) onTime()
  outer.addEventListener('abort', onOuter)
  const cancel = clock.after(Math.max(0, Math.min(leftMs, timeout_ms)), onTime)
  return {
    signal: controller.signal,
    end: () => {
      cancel()
      outer.removeEventListener('abort', onOuter)
    },
  }
}
