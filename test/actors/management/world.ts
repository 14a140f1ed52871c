/**
 * Management with everything around it in one process: a store, the real access rules, and a scheduler that remembers.
 */
import { openPolicy } from '../../../actors/access_control/index.ts'
import { start } from '../../../actors/management/index.ts'
import type {
  AccessDecision,
  AccessQuestion,
  ApiMethod,
  CallerIdentity,
  DataRule,
  Refusal,
  RequestOf,
  Role,
  RunOutcome,
} from '../../../messages/index.ts'
import { access_control, authentication, management, scheduler, storage } from '../../../messages/index.ts'
import type { AskOptions, Client, Handlers } from '../../../runtime/index.ts'
import { ManualClock, MemoryRecordStream } from '../../../runtime/index.ts'
import { MemoryStore } from '../../../runtime/store/memory_store.ts'
import type { Weather } from '../../support/fake_host.ts'
import { calm, clientOf, fakeHost, LocalEvents, storageHandlers } from '../../support/fake_host.ts'

const realPolicy = openPolicy()
const decide = (question: AccessQuestion) => realPolicy.decide(question)
const never = () => {
  throw new Error('management does not call this')
}

type ManagementClient = Client<typeof management>
/** The API as one user sees it. */
export type UserClient = {
  [K in ApiMethod]: (
    request: Parameters<ManagementClient[K]>[0]['request'],
    options?: AskOptions,
  ) => ReturnType<ManagementClient[K]>
}

export interface World {
  clock: ManualClock
  store: MemoryStore
  events: LocalEvents
  queue: RememberingScheduler
  management: ManagementClient
  as(userId: string, role?: Role, attribute?: string): UserClient
  /** Where management writes its audit log. */
  audit: MemoryRecordStream
  /** Ids that are no user's; all others are. */
  strangers: Set<string>
  /** Replaces what access control says; undefined: the real rules. */
  policy: { rule: ((question: AccessQuestion) => boolean | AccessDecision | Error) | undefined }
  close(): Promise<void>
}

/** What a real scheduler promises to management, without a broker. */
export class RememberingScheduler {
  readonly staged: { task_id: string; attempt: number; class: string; priority: string }[] = []
  readonly asked: object[] = []
  readonly canceled: RequestOf<typeof scheduler, 'cancel_task'>[] = []
  /** What it counts of workers, and how often it was asked. */
  workers = { idle: 1, busy: 0 }
  counted = 0
  readonly #seqs = new Map<string, number>()
  /** Thrown by the next calls while set. */
  trouble: Refusal | undefined

  handlers(): Handlers<typeof scheduler> {
    return {
      stage_task: (request) => {
        if (this.trouble !== undefined) throw this.trouble
        const { task_id, attempt, priority } = request
        this.asked.push(request)
        this.staged.push({ task_id, attempt, class: request.class, priority })
        const message = `${task_id}.${attempt}`
        const seq = this.#seqs.get(message) ?? this.#seqs.size + 1
        this.#seqs.set(message, seq)
        return { seq }
      },
      cancel_task: (request) => {
        if (this.trouble !== undefined) throw this.trouble
        this.canceled.push(request)
        return {}
      },
      count_workers: () => {
        if (this.trouble !== undefined) throw this.trouble
        this.counted += 1
        return this.workers
      },
      lease_task: never,
      complete_task: never,
    }
  }
}

export async function openWorld(weather: Weather = calm, store = new MemoryStore()): Promise<World> {
  const clock = new ManualClock()
  const events = new LocalEvents()
  const queue = new RememberingScheduler()
  const policy: World['policy'] = { rule: undefined }
  const decideHere = (question: AccessQuestion) => {
    const verdict = policy.rule?.(question)
    if (verdict instanceof Error) throw verdict
    if (typeof verdict === 'object') return verdict
    return verdict === undefined
      ? decide(question)
      : { ...decide(question), allowed: verdict, rule: 'rule_of_the_test' }
  }
  const strangers = new Set<string>()
  const directory = {
    users_exist: ({ ids }: { ids: string[] }) => ({ missing: ids.filter((id) => strangers.has(id)) }),
  }
  const audit = new MemoryRecordStream()
  const host = fakeHost({
    clock,
    auditStream: audit,
    events,
    clients: {
      storage: clientOf(storage, storageHandlers(store), weather),
      access_control: clientOf(access_control, { decide: decideHere, get_policy: never, put_policy: never }, weather),
      // The one method of authentication that management may ask.
      authentication: clientOf(authentication, directory as unknown as Handlers<typeof authentication>, weather),
      scheduler: clientOf(scheduler, queue.handlers(), weather),
    },
  })
  const service = await start(host)
  // The service's own protocol is management; StartService only says that it is some protocol.
  const client = clientOf(management, service.actor.handlers as Handlers<typeof management>)
  return {
    clock,
    store,
    events,
    queue,
    management: client,
    audit,
    strangers,
    policy,
    as: (userId, role = 'DataOwner', attribute = 'acme') =>
      userClient(client, { user_id: userId, role, attribute: role.startsWith('DataOwner') ? attribute : null }),
    close: async () => service.close?.(),
  }
}

function userClient(client: ManagementClient, caller: CallerIdentity): UserClient {
  return new Proxy({} as UserClient, {
    get: (_, method: ApiMethod) => (request: never, options?: AskOptions) =>
      client[method]({ caller, request }, options),
  })
}

const zeroes = (length: number) => new Uint8Array(length)
export const crypto = { scheme: 'aes-gcm-256' as const, key: zeroes(32), iv: zeroes(12) }
export const tagOf = (fill: number) => new Uint8Array(16).fill(fill)

/** A function that takes no data. */
export const echo = {
  name: 'builtin-echo',
  executor: 'builtin' as const,
  public: true,
  arguments: [{ key: 'message', default: 'hello', overridable: true }],
}

/** A function of two inputs and two outputs. */
export const intersect = {
  name: 'builtin-ordered-set-intersect',
  executor: 'builtin' as const,
  public: true,
  arguments: [{ key: 'order', default: 'ascending', overridable: false }],
  inputs: [{ name: 'input_data1' }, { name: 'input_data2' }],
  outputs: [{ name: 'output_result1' }, { name: 'output_result2', optional: true }],
}

export const place = (name: string) => `nats-object://files/${name}`

export async function registerEcho(world: World, more: object = {}): Promise<string> {
  const { function_id } = await world.as('olga', 'FunctionOwner').register_function({ ...echo, ...more })
  return function_id
}

/** An echo task of one user, created and so approved. */
export async function createEchoTask(world: World, userId = 'alice', options: object = {}): Promise<string> {
  const function_id = await registerEcho(world)
  const { task_id } = await world.as(userId).create_task({ function_id, options })
  return task_id
}

export interface SharedTask {
  taskId: string
  inputs: { alice: string; bob: string }
  outputs: { alice: string; bob: string }
}

/** A task of alice and bob, each with an input and an output, nothing assigned yet. */
export async function createSharedTask(world: World, options: object = {}): Promise<SharedTask> {
  const [alice, bob] = [world.as('alice'), world.as('bob')]
  const { function_id } = await world.as('olga', 'FunctionOwner').register_function(intersect)
  const input = async (user: UserClient, fill: number) =>
    (await user.register_input_file({ url: place('in'), tag: tagOf(fill), crypto })).data_id
  const output = async (user: UserClient) => (await user.register_output_file({ url: place('out'), crypto })).data_id
  const inputs = { alice: await input(alice, 1), bob: await input(bob, 2) }
  const outputs = { alice: await output(alice), bob: await output(bob) }
  const { task_id } = await alice.create_task({
    function_id,
    inputs: { input_data1: ['alice'], input_data2: ['bob'] },
    outputs: { output_result1: ['alice'], output_result2: ['bob'] },
    options,
  })
  return { taskId: task_id, inputs, outputs }
}

export async function assignShared(world: World, { taskId, inputs, outputs }: SharedTask): Promise<void> {
  const request = { task_id: taskId }
  await world.as('alice').assign_data({
    ...request,
    inputs: { input_data1: inputs.alice },
    outputs: { output_result1: outputs.alice },
  })
  await world.as('bob').assign_data({
    ...request,
    inputs: { input_data2: inputs.bob },
    outputs: { output_result2: outputs.bob },
  })
}

export async function approveShared(world: World, { taskId }: SharedTask): Promise<void> {
  for (const user of [world.as('alice'), world.as('bob')]) {
    const { terms_digest } = await user.get_task({ task_id: taskId })
    await user.approve_task({ task_id: taskId, terms_digest })
  }
}

export function okOutcome(outputTags: Record<string, Uint8Array> = {}, text = 'done'): RunOutcome {
  return {
    status: 'ok',
    result: { return_value: Buffer.from(text), output_tags: outputTags, log: [], receipt: '{}' },
  }
}

/** A task of alice and bob that wrote a fusion output of both; answers with the output's id. */
export async function fuse(world: World, rule?: DataRule): Promise<string> {
  const [alice, bob] = [world.as('alice'), world.as('bob')]
  const { data_id } = await alice.register_fusion_output({ owners: ['bob', 'alice'], rule })
  const { function_id } = await world.as('olga', 'FunctionOwner').register_function({ ...intersect, inputs: [] })
  const { task_id } = await alice.create_task({ function_id, outputs: { output_result1: ['alice', 'bob'] } })
  await bob.assign_data({ task_id, outputs: { output_result1: data_id } })
  await approveShared(world, { taskId: task_id, inputs: { alice: '', bob: '' }, outputs: { alice: '', bob: '' } })
  await alice.invoke_task({ task_id })
  await world.management.start_run({ task_id, token: '1.1', worker: 'w1' })
  const outcome = okOutcome({ output_result1: tagOf(9) })
  await world.management.end_run({ task_id, token: '1.1', worker: 'w1', outcome })
  return data_id
}
