/** A scheduler and its tasks, scripted, and a worker that runs them: for tests of the worker's loop. */
import { expect, onTestFinished } from 'vitest'
import { start as startExecution } from '../../../actors/execution/index.ts'
import type { OutputCrypto, RunOrder, RunOutcome } from '../../../messages/index.ts'
import { createId, pack, Refusal, stagedSubject } from '../../../messages/index.ts'
import type { LetterContext } from '../../../runtime/actor.ts'
import { ManualClock } from '../../../runtime/clock.ts'
import { MemoryFileStore } from '../../../runtime/files/memory_file_store.ts'
import { MemoryWorkQueue } from '../../../runtime/work_queue/memory_work_queue.ts'
import { scriptedHost, sealHint } from '../../support/scripted_host.ts'

/** Arguments that tell the scripted thread what to do. */
export const scripted = (deed: string, value: unknown = null) => ({ arguments: { deed, with: value as string } })

export const crypto: OutputCrypto = { scheme: 'aes-gcm-128', key: Buffer.alloc(16, 1), iv: Buffer.alloc(12, 2) }
/** An output of a run, as the order names it. */
export const output = (name: string) => ({
  name,
  data_id: 'output-00000000-0000-4000-8000-000000000000',
  url: `nats-object://files/${name}`,
  crypto,
})
/** An output as its function declares it. */
export const declared = (name: string, optional = false) => ({ name, description: '', optional })

export const LEASE_MS = 9_000
const WORK = { executor: 'builtin', workerClass: 'standard' }
const SUBJECT = stagedSubject('builtin', 'standard', 'normal')

/** The real entry, built by the tests' setup; and one whose functions do what the test needs. */
export const BUILTIN_THREAD = new URL(
  '../../../dist/actors/execution/executors/builtin/builtin_thread.js',
  import.meta.url,
)
export const SCRIPTED_THREAD = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads'
    const bytes = (text) => new TextEncoder().encode(text)
    const deeds = {
      loop: () => { for (;;); },
      grow: () => { const all = []; for (;;) all.push(new Array(1000).fill(all.length)) },
      say: (text) => ({ status: 'ok', returnValue: text }),
      write: async (files) => {
        for (const [output, text] of Object.entries(files)) {
          parentPort.postMessage({ request: { kind: 'write', output, bytes: bytes(text) }, id: 1 })
          await new Promise((resolve) => parentPort.once('message', resolve))
        }
        return { status: 'ok', returnValue: 'written' }
      },
      long: (length) => ({ status: 'ok', returnValue: 'x'.repeat(length) }),
    }
    parentPort.on('message', async ({ arguments: job }) => {
      if (job !== undefined) parentPort.postMessage({ answer: await deeds[job.deed](job.with) })
    })
    parentPort.postMessage('ready')
  `)}`,
)

type Claim = { task_id: string; token: string; worker: string }
type Report = { task_id: string; token: string; outcome: RunOutcome }

export class ScriptedTasks {
  readonly clock = new ManualClock()
  readonly queue = new MemoryWorkQueue(this.clock, { leaseMs: LEASE_MS })
  readonly files = new MemoryFileStore()
  readonly orders = new Map<string, Partial<RunOrder>>()
  readonly claims: Claim[] = []
  readonly reports: Report[] = []
  /** Throw from these to refuse. */
  onClaim: (claim: Claim) => void = () => {}
  onReport: (report: Report) => void = () => {}

  /** Stages a task whose order is `order` on top of a plain one. */
  async stage(order: Partial<RunOrder> = {}): Promise<string> {
    const taskId = createId('task')
    this.orders.set(taskId, order)
    await this.put(sealHint('scheduler', 'execution-standard', SUBJECT, { task_id: taskId, attempt: 1 }), taskId)
    return taskId
  }

  /** Puts any bytes on the queue. */
  put(body: Uint8Array, messageId: string): Promise<number> {
    return this.queue.stage(WORK, 'normal', messageId, 'task', body)
  }

  /** Starts a worker; it ends with the test. */
  async startWorker(threadEntry: URL, settings: Record<string, unknown> = {}, memberId = 'execution-one') {
    const host = scriptedHost({
      memberId,
      clock: this.clock,
      settings: { slots: 2, worker_class: 'standard', lease_ms: LEASE_MS, ...settings },
      workQueue: this.queue,
      files: this.files,
      clients: { scheduler: this.scheduler() },
    })
    const service = await startExecution(host, threadEntry)
    let closing: Promise<void> | undefined
    const close = () => {
      host.stop()
      return (closing ??= service.close!())
    }
    onTestFinished(async () => {
      host.stop()
      this.clock.advance(600_000)
      await close()
    })
    return {
      host,
      close,
      cancel: async (taskId: string) => {
        // The handler reads no more of it.
        const context = { sender: { role: 'scheduler', id: 'scheduler-one' } } as LetterContext
        return (await service.actor.handlers.cancel_run({ task_id: taskId }, context)).stopped
      },
    }
  }

  /** Resolves with the report of a task. */
  async reportOf(taskId: string): Promise<RunOutcome> {
    await expect.poll(() => this.reports.some((report) => report.task_id === taskId), POLL).toBe(true)
    return this.reports.findLast((report) => report.task_id === taskId)!.outcome
  }

  /** Resolves when `condition` holds. */
  async until(condition: () => boolean): Promise<void> {
    await expect.poll(condition, POLL).toBe(true)
  }

  private scheduler() {
    return {
      lease_task: async (claim: Claim): Promise<RunOrder> => {
        this.claims.push(claim)
        this.onClaim(claim)
        const order = this.orders.get(claim.task_id)
        if (order === undefined) throw new Refusal('not_found', 'no such task')
        return { ...plainOrder(claim.task_id, claim.token), ...order }
      },
      complete_task: async (report: Report) => {
        this.onReport(report)
        this.reports.push(report)
        return {}
      },
    }
  }
}

const POLL = { interval: 2, timeout: 10_000 }

function plainOrder(taskId: string, token: string): RunOrder {
  return {
    task_id: taskId,
    token,
    attempt: 1,
    terms_digest: 'a'.repeat(64),
    function_digest: 'b'.repeat(64),
    function_name: 'builtin-echo',
    executor: 'builtin',
    payload: new Uint8Array(0),
    arguments: { message: 'hello' },
    declared_outputs: [],
    inputs: [],
    outputs: [],
    timeout_ms: 600_000,
  }
}

export const noise = () => pack({ neither: 'sealed', nor: 'signed' })
