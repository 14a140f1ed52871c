import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TaskChange } from '../../client/index.ts'
import { watchTask } from '../../client/index.ts'
import type { ServiceName } from '../../messages/index.ts'
import { SERVICES } from '../../messages/index.ts'
import type { CommandEnd, CommandOptions, RunningCommand } from '../support/command.ts'
import { documentOf, runCommand, startCommand } from '../support/command.ts'
import type { Party, TestDeployment } from '../support/deployment.ts'
import { eventually, startTestDeployment } from '../support/deployment.ts'
import type { Cast, Story } from '../support/stories.ts'
import { fusion, PATIENCE, privateFunction, threeParties, twoParties } from '../support/stories.ts'

type Victim = ServiceName | 'broker'
/** In turn, again and again: the scheduler and the worker go for the second time when tasks were just invoked. */
const VICTIMS: readonly Victim[] = [
  'authentication',
  'scheduler',
  'execution',
  'frontend',
  'broker',
  'access_control',
  'storage',
  'management',
  'coordinator',
]
const LEASE_MS = 2_000
const LONG_MS = 180_000

interface Watch {
  taskId: string
  userId: string
  /** Of the task, from its creation to its end. */
  changes: Promise<TaskChange[]>
}

describe('four stories go on while each process is killed in the middle of them', () => {
  let platform: TestDeployment
  let cast: Cast
  let stories: Story[]
  /** Of each story: who was killed between two of its steps. */
  let killed: Set<Victim>[]
  const watches: Watch[] = []
  /** Bob's, of the task of three parties. */
  let commands: { whole: Promise<CommandEnd>; begun: Promise<CommandEnd>; taskId: string; options: CommandOptions }

  beforeAll(async () => {
    platform = await startTestDeployment({ workers: 1, leaseMs: LEASE_MS })
    cast = await register(platform)
    const watch = (taskId: string, parties: Party[]) => {
      for (const { id, api } of parties) watches.push({ taskId, userId: id, changes: collect(watchTask(api, taskId)) })
    }
    stories = [twoParties, threeParties, privateFunction, fusion].map((tell) => tell(cast, platform.manifest, watch))
    killed = stories.map(() => new Set())
    const environment = { TACIT_STATE: platform.stateFolder, TACIT_HOME: join(platform.stateFolder, '../home') }
    const options = { environment }
    const longest = Math.max(...stories.map(({ steps }) => steps.length))
    let whole: RunningCommand | undefined
    for (let at = 0; at < longest; at += 1) {
      await Promise.all(stories.flatMap(({ steps }) => steps.slice(at, at + 1)).map((step) => step()))
      const taskId = stories[1]?.tasks[0]?.taskId
      if (taskId !== undefined && whole === undefined) {
        await logIn(cast.bob, options)
        whole = startCommand(['task', 'watch', taskId, '--json'], options)
        const second = startCommand(['task', 'watch', taskId, '--json'], options)
        // Not waited for: the story goes on meanwhile.
        const begun = second.said('stderr', /^DataAssigned: /m).then(() => {
          second.signal('SIGINT')
          return second.ended
        })
        commands = { whole: whole.ended, begun, taskId, options }
      }
      const victim = VICTIMS[at % VICTIMS.length]!
      for (const [index, { steps }] of stories.entries()) if (at + 1 < steps.length) killed[index]!.add(victim)
      await kill(platform, victim)
    }
  }, LONG_MS)
  afterAll(() => platform.stop())

  test('every process was killed in the middle of each story', () => {
    expect(killed).toEqual(stories.map(() => new Set([...SERVICES, 'broker'])))
  })

  test('each party saw every version of each task, once and in order', async () => {
    const expected = stories.flatMap(({ tasks }) =>
      tasks.flatMap(({ taskId, parties }) => parties.map(({ id }) => `${id} ${taskId}`)),
    )
    expect(watches.map(({ taskId, userId }) => `${userId} ${taskId}`).sort()).toEqual(expected.sort())
    for (const { taskId, userId, changes } of watches) {
      const seen = await changes
      expect(versionsOf(seen), `${userId} ${taskId}`).toEqual(seen.map((_, place) => place + 1))
      const party = Object.values(cast).find(({ id }) => id === userId)!
      const { version } = await party.api.get_task({ task_id: taskId }, PATIENCE)
      expect(seen.at(-1)).toMatchObject({ version, state: 'Finished', event: 'end_run' })
    }
  })

  test('so does a party by command, at one go or with a pause', async () => {
    const { whole, taskId, options } = commands
    const begun = await commands.begun
    const changesOf = (end: CommandEnd) => documentOf(end)['changes'] as TaskChange[]
    const told = changesOf(await whole)
    expect(versionsOf(told)).toEqual(told.map((_, place) => place + 1))
    expect(begun.code).toBe(130)
    const [, command = '', after = ''] =
      /"tacit (task watch \S+ --after) (\d+)" continues from there/.exec(begun.stderr) ?? []
    expect(command).toContain(taskId)
    const rest = changesOf(await runCommand([...command.split(' '), after, '--json'], options))
    expect(rest).toEqual(told.slice(Number(after)))
  })

  test('nothing was lost, and nothing is there twice', async () => {
    for (const { id, api } of Object.values(cast)) {
      const { tasks } = await api.list_tasks({ limit: 1000 }, PATIENCE)
      const own = stories.flatMap((story) =>
        story.tasks.filter(({ parties }) => parties.some((party) => party.id === id)),
      )
      expect(tasks.map(({ task_id }) => task_id).sort()).toEqual(own.map(({ taskId }) => taskId).sort())
    }
    for (const { id, api } of [cast.alice, cast.bob]) {
      const { data } = await api.list_data({ limit: 1000 }, PATIENCE)
      const own = stories.flatMap((story) => story.data.filter(({ owners }) => owners.includes(id)))
      expect(data.map(({ data_id }) => data_id).sort()).toEqual(own.map(({ dataId }) => dataId).sort())
    }
    const { functions } = await cast.fay.api.list_functions({ owner: 'fay' }, PATIENCE)
    const runs = Object.assign({}, ...stories.map((story) => story.runs)) as Record<string, number>
    expect(functions.map(({ function_id }) => function_id).sort()).toEqual(Object.keys(runs).sort())
    for (const [function_id, count] of Object.entries(runs)) {
      expect(await cast.fay.api.get_function_usage({ function_id }, PATIENCE)).toMatchObject({ runs: count })
    }
  })

  test('the audit log is whole', async () => {
    expect(await platform.admin.api.verify_audit_log({}, PATIENCE)).toMatchObject({ intact: true, findings: [] })
  })

  test('sessions went on, and passwords still open new ones', async () => {
    // All steps were taken in the sessions that were opened before the first process was killed.
    for (const { id, password } of Object.values(cast)) await platform.login(id, password)
  })
})

async function register(platform: TestDeployment): Promise<Cast> {
  const bella = await platform.register('bella', 'DataOwnerManager', 'bank')
  const ivan = await platform.register('ivan', 'DataOwnerManager', 'insurer')
  const employ = async ({ connection, session }: Party, id: string, attribute: string) => {
    const password = `the long password of ${id}`
    const user = { id, password, role: 'DataOwner' as const, attribute }
    await connection.authentication.user_register({ session: session.token, ...user })
    return platform.login(id, password)
  }
  return {
    alice: await employ(bella, 'alice', 'bank'),
    bob: await employ(ivan, 'bob', 'insurer'),
    fay: await platform.register('fay', 'FunctionOwner'),
    carol: await platform.register('carol', 'DataOwner', 'press'),
  }
}

async function logIn({ id, password }: Party, options: CommandOptions): Promise<void> {
  const end = await runCommand(['login', id], { ...options, input: `${password}\n` })
  expect(end.code, end.stderr).toBe(0)
}

async function collect(changes: AsyncIterable<TaskChange>): Promise<TaskChange[]> {
  const seen: TaskChange[] = []
  for await (const change of changes) seen.push(change)
  return seen
}

function versionsOf(changes: readonly TaskChange[]): number[] {
  return changes.map(({ version }) => version)
}

/** SIGKILL. A service is started again while the next step asks for it; the broker is waited for. */
async function kill({ deployment }: TestDeployment, victim: Victim): Promise<void> {
  if (victim !== 'broker') {
    await deployment.ready(victim)
    await deployment.killOne(victim)
    return
  }
  const pid = deployment.pidOf('broker')!
  process.kill(pid, 'SIGKILL')
  await eventually('the broker is started again', () => (deployment.pidOf('broker') === pid ? undefined : true))
}
