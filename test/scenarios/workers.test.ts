import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TaskView } from '../../client/index.ts'
import { verifyReceipt, waitForTask, watchTask } from '../../client/index.ts'
import { openWorkerDevices } from '../../deploy/platform/simulated_platform.ts'
import { startWorkerProcess } from '../../deploy/worker_process.ts'
import { systemClock } from '../../runtime/index.ts'
import type { CodeCopy } from '../support/code_copy.ts'
import { copyCodeWithSlowEcho } from '../support/code_copy.ts'
import type { TestDeployment } from '../support/deployment.ts'
import { eventually, invokeTask, registerEcho, startTestDeployment } from '../support/deployment.ts'

const LEASE_MS = 2_000
const FOREVER_MS = 600_000

const wait = (ms: number) => ({ message: { wait_ms: ms } })

describe('workers', () => {
  let code: CodeCopy
  let platform: TestDeployment
  let slowEcho: string
  beforeAll(async () => {
    code = await copyCodeWithSlowEcho()
    platform = await startTestDeployment({ ...code.options, workers: 2, slots: 2, leaseMs: LEASE_MS })
    slowEcho = await registerEcho(platform.admin)
  })
  afterAll(async () => {
    await platform.stop()
    await code[Symbol.asyncDispose]()
  })

  /** Runs tasks of a moment's length, all at once. @returns who ran them */
  async function runMany(count: number): Promise<string[]> {
    const runs = Array.from({ length: count }, async () => {
      const id = await invokeTask(platform.admin, slowEcho, wait(150))
      return workerOf(await waitForTask(platform.admin.api, id), platform)
    })
    return Promise.all(runs)
  }

  const instancesReady = () =>
    platform.deployment
      .services()
      .filter(({ service, state }) => service === 'execution' && state === 'ready')
      .map(({ memberId }) => memberId!)

  test('two workers share the work', async () => {
    const members = await runMany(16)
    expect([...new Set(members)].sort()).toEqual(instancesReady().sort())
    expect(new Set(members).size).toBe(2)
  })

  test('a worker that another process starts joins, gets its share, and leaves', async () => {
    const third = await startWorkerProcess({
      stateFolder: platform.stateFolder,
      slots: 4,
      deviceFor: await openWorkerDevices(platform.deployment.paths, systemClock, code.measurer),
      entryPath: code.entryPath,
      say: () => {},
    })
    const { memberId } = third.status()
    const members = await runMany(24)
    expect(members).toContain(memberId)
    expect(new Set(members).size).toBe(3)
    await third.stop()
    expect(new Set(await runMany(8))).not.toContain(memberId)
  })

  test('a running task that is canceled stops within two seconds, and its worker goes on', async () => {
    // All four slots: whether one of them is free again shows in what runs next.
    const ids = await Promise.all(
      Array.from({ length: 4 }, () => invokeTask(platform.admin, slowEcho, wait(FOREVER_MS))),
    )
    await Promise.all(ids.map((id) => untilState(platform, id, 'Running')))
    const next = await invokeTask(platform.admin, slowEcho, wait(1))
    const askedAtMs = systemClock.now()
    const canceled = await platform.admin.api.cancel_task({ task_id: ids[0]! })
    expect(canceled).toMatchObject({ state: 'Canceled', reason: expect.stringContaining('admin') })
    expect(await waitForTask(platform.admin.api, next)).toMatchObject({ state: 'Finished' })
    expect(systemClock.now() - askedAtMs).toBeLessThan(2_000)
    await Promise.all(ids.slice(1).map((task_id) => platform.admin.api.cancel_task({ task_id })))
    await expect(platform.admin.api.cancel_task({ task_id: ids[1]! })).rejects.toMatchObject({ code: 'task_ended' })
  })

  test('a run that takes longer than its timeout is ended, and the task fails with that reason', async () => {
    const id = await invokeTask(platform.admin, slowEcho, wait(FOREVER_MS), { timeout_ms: 300 })
    await expect(waitForTask(platform.admin.api, id)).rejects.toMatchObject({
      code: 'function_failed',
      message: expect.stringContaining('300 ms'),
    })
    expect(await platform.admin.api.get_task({ task_id: id })).toMatchObject({ state: 'Failed', attempt: 1 })
  })

  test('a task whose deadline passes while it runs ends then', async () => {
    const id = await invokeTask(platform.admin, slowEcho, wait(FOREVER_MS), { deadline: systemClock.now() + 1_500 })
    await expect(waitForTask(platform.admin.api, id)).rejects.toMatchObject({
      code: 'function_failed',
      message: expect.stringContaining('deadline'),
    })
  })

  test('a frozen worker loses its lease, and its late result is refused', async () => {
    const id = await invokeTask(platform.admin, slowEcho, wait(1_500))
    await untilState(platform, id, 'Running')
    // Both are frozen: nobody outside can see which of them has the task, and either would do.
    const frozen = platform.deployment.services().filter(({ service }) => service === 'execution')
    for (const { pid } of frozen) process.kill(pid!, 'SIGSTOP')
    let finished: TaskView
    try {
      const fresh = await platform.deployment.addWorker()
      finished = await waitForTask(platform.admin.api, id)
      expect(finished.state).toBe('Finished')
      expect(finished.attempt).toBeGreaterThan(1)
      expect(await workerOf(finished, platform)).toBe(fresh.memberId)
    } finally {
      for (const { pid } of frozen) process.kill(pid!, 'SIGCONT')
    }
    await eventually('the late result is refused', async () => {
      const logs = await Promise.all(frozen.map(({ logPath }) => readFile(logPath, 'utf8')))
      return logs.some((log) => log.includes('a lease was lost') && log.includes(id)) ? true : undefined
    })
    expect(await platform.admin.api.get_task({ task_id: id })).toEqual(finished)
    // The frozen ones work again.
    expect(new Set(await runMany(24)).size).toBe(3)
  })
})

async function workerOf(task: TaskView, { manifest }: TestDeployment): Promise<string> {
  return (await verifyReceipt(task.result!.receipt, manifest)).worker.member
}

async function untilState({ admin }: TestDeployment, taskId: string, state: TaskView['state']): Promise<void> {
  for await (const task of watchTask(admin.api, taskId)) if (task.state === state) return
  throw new Error(`${taskId} ended without being ${state}`)
}
