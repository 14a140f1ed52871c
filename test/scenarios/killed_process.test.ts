import { connect } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TaskView } from '../../client/index.ts'
import { verifyReceipt, waitForTask } from '../../client/index.ts'
import type { ServiceName } from '../../messages/index.ts'
import { SERVICES, TERMINAL_STATES } from '../../messages/index.ts'
import type { TestDeployment } from '../support/deployment.ts'
import { eventually, invokeTask, registerEcho, startTestDeployment } from '../support/deployment.ts'

const TASKS = 100
const IN_FLIGHT = 12
/** Killed once so many tasks have ended, so that there is work before, during and after. */
const KILLED_AFTER = 25
const LEASE_MS = 2_000

/** The ends of tasks, as the platform announced them to everybody. */
const ends = new Map<string, Set<string>>()

describe('100 tasks go on while one process is killed', () => {
  let platform: TestDeployment
  let functionId: string
  let listening: Awaited<ReturnType<typeof connect>>
  beforeAll(async () => {
    platform = await startTestDeployment({ leaseMs: LEASE_MS })
    functionId = await registerEcho(platform.admin)
    listening = await connect({ servers: platform.deployment.natsUrl, maxReconnectAttempts: -1, reconnectTimeWait: 50 })
    listening.subscribe('tacit.event.task.*', {
      callback: (_error, message) => {
        const { task_id, state, version } = message.json<{
          task_id: string
          state: TaskView['state']
          version: number
        }>()
        if (!TERMINAL_STATES.includes(state)) return
        ends.set(task_id, (ends.get(task_id) ?? new Set()).add(`${state} ${version}`))
      },
    })
  })
  afterAll(async () => {
    await listening.close()
    await platform.stop()
  })

  test.each([...SERVICES, 'broker'] as const)('%s', { timeout: 60_000 }, async (victim) => {
    let ended = 0
    let killed: Promise<void> | undefined
    const tasks: TaskView[] = []
    const numbers = Array.from({ length: TASKS }, (_, number) => number)
    const oneAfterAnother = async () => {
      for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
        const task_id = await invokeTask(platform.admin, functionId, { message: `${victim} ${number}` })
        const task = await waitForTask(platform.admin.api, task_id)
        tasks.push(task)
        ended += 1
        if (ended === KILLED_AFTER) killed = kill(platform, victim)
        expect(Buffer.from(task.result!.return_value).toString()).toBe(`${victim} ${number}`)
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, oneAfterAnother))
    await killed
    expect(new Set(tasks.map(({ task_id }) => task_id)).size).toBe(TASKS)
    await expectOneEnd(platform, tasks)
  })
})

/** SIGKILL, and back again. */
async function kill({ deployment }: TestDeployment, victim: ServiceName | 'broker'): Promise<void> {
  if (victim !== 'broker') {
    const pid = await deployment.killOne(victim)
    await deployment.ready(victim)
    expect(deployment.pidOf(victim)).not.toBe(pid)
    return
  }
  const pid = deployment.pidOf('broker')!
  process.kill(pid, 'SIGKILL')
  await eventually('the broker is started again', () => (deployment.pidOf('broker') === pid ? undefined : true))
}

/**
 * Each task has one end, which is still the same, was approved, and is proven by one receipt over the result it has.
 */
async function expectOneEnd({ admin, manifest }: TestDeployment, tasks: readonly TaskView[]): Promise<void> {
  const present = await Promise.all(tasks.map(({ task_id }) => admin.api.get_task({ task_id }, { timeoutMs: 30_000 })))
  for (const [index, now] of present.entries()) {
    const task = tasks[index]!
    expect(now).toEqual(task)
    expect(now).toMatchObject({ state: 'Finished', approved_by: now.parties })
    expect([...(ends.get(task.task_id) ?? [`Finished ${now.version}`])]).toEqual([`Finished ${now.version}`])
    const { claims } = await verifyReceipt(now.result!.receipt, manifest)
    expect(claims).toMatchObject({ task_id: now.task_id, terms_digest: now.terms_digest, attempt: now.attempt })
  }
}
