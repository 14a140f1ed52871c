/**
 * Users of one organisation try everything on what is another's. The tries are made from the protocols: each field that
 * names something, once with a name that is the others' and once with one that nobody has. Both are answered alike, and
 * nothing of the others' changes.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  digestJson,
  authentication,
  callersOf,
  createId,
  frontend,
  Refusal,
  toJsonValue,
} from '../../messages/index.ts'
import type { Party } from '../support/deployment.ts'
import type { Named } from '../support/id_fields.ts'
import { idFieldsOf, withValue } from '../support/id_fields.ts'
import type { ClientMethod, Things } from '../support/sample_requests.ts'
import { sampleRequests } from '../support/sample_requests.ts'
import type { WholePlatform } from '../support/whole_platform.ts'
import { startWholePlatform } from '../support/whole_platform.ts'

/** A place in an order, where any name will do: what follows is the caller's own. */
const CURSORS = ['list_users.after']

/** Where an answer may depend on whether there is something of the name, and why. */
const TELLING: Readonly<Record<string, string>> = {
  'user_register.id': 'ids of users are given once in the whole platform, so a taken one is refused',
}

/**
 * Where a user may be named as a party, who then agrees or does not. One who is no user never could, and is refused.
 */
const PARTIES = ['register_fusion_output.owners.[]', 'create_task.inputs.*.[]', 'create_task.outputs.*.[]']

const OPEN = [frontend, authentication].flatMap((protocol) =>
  Object.entries(protocol.methods)
    .filter(([name]) => callersOf(protocol, name).includes('client'))
    .map(([name, method]) => ({ name: name as ClientMethod, method, isOfFrontend: protocol === frontend })),
)
const FIELDS = OPEN.flatMap(({ name, method, isOfFrontend }) =>
  idFieldsOf(method).map(({ path, names }) => {
    // The frontend's requests stand beside the session.
    const own = isOfFrontend ? path.slice(1) : path
    return { name, isOfFrontend, path: own, names, field: `${name}.${own.join('.')}` }
  }),
)

/** What a victim has, by what names it. */
type Loot = Record<Named, string[]>

let platform: WholePlatform
let victims: Party[]
let attackers: { party: Party; own: Things }[]
let loot: Loot
let termsDigest: string
let before: string

beforeAll(async () => {
  platform = await startWholePlatform()
  const [olga, alice, adam, mia] = await Promise.all([
    platform.register('olga', 'FunctionOwner'),
    platform.register('alice', 'DataOwner', 'acme'),
    platform.register('adam', 'DataOwner', 'acme'),
    platform.register('mia', 'DataOwnerManager', 'acme'),
  ])
  const [frank, bob, rita, ray] = await Promise.all([
    platform.register('frank', 'FunctionOwner'),
    platform.register('bob', 'DataOwner', 'rival'),
    platform.register('rita', 'DataOwnerManager', 'rival'),
    platform.register('ray', 'DataOwner', 'rival'),
  ])
  victims = [olga, alice, adam, mia]
  loot = { ...(await furnish(olga, alice, adam)), user: victims.map(({ id }) => id), organisation: ['acme'] }
  const { function_id } = await frank.api.register_function({ ...specOf(), public: true })
  const own = { function: function_id, user: ray.id, organisation: 'rival' }
  attackers = await Promise.all(
    [frank, bob, rita].map(async (party) => {
      const things = { ...nothing(party.id), ...own }
      return { party, own: party === frank ? things : { ...things, ...(await arm(party, function_id)) } }
    }),
  )
  before = await digestOfVictims()
})
afterAll(() => platform.stop())

/** A private function, data of one and of several owners, and tasks in every state that lasts. */
async function furnish(olga: Party, alice: Party, adam: Party): Promise<Omit<Loot, 'user' | 'organisation'>> {
  const spec = specOf()
  const allowlist = ['org:acme']
  const echo = { name: 'builtin-echo', executor: 'builtin' as const, public: false, allowlist }
  const { function_id } = await olga.api.register_function({ ...spec, allowlist })
  const { function_id: echoId } = await olga.api.register_function({
    ...echo,
    arguments: [{ key: 'message', default: 'hello', overridable: true }],
  })
  const [input, output, left] = [
    await register(alice, 'register_input_file'),
    await register(alice, 'register_output_file'),
    await register(alice, 'register_output_file'),
  ]
  const { data_id: fusion } = await adam.api.register_fusion_output({ owners: [alice.id, adam.id] })
  const [created, assigned] = [await create(alice, function_id), await create(alice, function_id)]
  const assignment = { inputs: { input_data1: input }, outputs: { output_result1: output } }
  termsDigest = (await alice.api.assign_data({ task_id: assigned, ...assignment })).terms_digest
  const ended = await Promise.all(
    ['Approved', 'Finished', 'Canceled'].map(async (state) => {
      const { task_id } = await alice.api.create_task({ function_id: echoId })
      const { terms_digest } = await alice.api.get_task({ task_id })
      await alice.api.approve_task({ task_id, terms_digest })
      await olga.api.approve_task({ task_id, terms_digest })
      if (state === 'Finished') await alice.api.invoke_task({ task_id })
      if (state === 'Canceled') await alice.api.cancel_task({ task_id })
      for (let version = 0; state === 'Finished';) {
        const view = await alice.api.watch_task({ task_id, after_version: version })
        if (view.state === 'Finished') break
        version = view.version
      }
      return task_id
    }),
  )
  return {
    function: [function_id, echoId],
    input: [input],
    output: [output, left, fusion],
    task: [created, assigned, ...ended],
  }
}

const specOf = () => sampleRequests(nothing('')).register_function as Parameters<Party['api']['register_function']>[0]

async function register(party: Party, method: 'register_input_file' | 'register_output_file'): Promise<string> {
  const { rule: _rule, ...request } = sampleRequests(nothing(party.id))[method] as { rule: object }
  return ((await call(party, true, method, request)) as { data_id: string }).data_id
}

async function create({ id, api }: Party, function_id: string): Promise<string> {
  const files = { inputs: { input_data1: [id] }, outputs: { output_result1: [id] } }
  return (await api.create_task({ function_id, ...files })).task_id
}

/** What is an attacker's own, so that nothing but the name that is tried is wrong with his requests. */
async function arm(party: Party, functionId: string): Promise<Partial<Things>> {
  const input = await register(party, 'register_input_file')
  return { input, output: await register(party, 'register_output_file'), task: await create(party, functionId) }
}

let nobodies = 0

/** Names that nobody has; of users another one each time, for an id that is guessed at is locked. */
function nothing(caller: string): Things {
  const [fn, input, output, task] = (['function', 'input', 'output', 'task'] as const).map((kind) => createId(kind))
  const things = { function: fn!, input: input!, output: output!, task: task!, user: `nobody-${++nobodies}` }
  return { ...things, organisation: 'nowhere', terms_digest: termsDigest ?? '0'.repeat(64), caller }
}

async function call(party: Party, isOfFrontend: boolean, method: string, request: object): Promise<unknown> {
  const { connection, session, api } = party
  const target = (isOfFrontend ? api : connection.authentication) as unknown
  const ask = (target as Record<string, (request: object) => Promise<unknown>>)[method]!
  return ask(isOfFrontend || method === 'user_login' ? request : { session: session.token, ...request })
}

/** All that an answer tells, with the names that it was asked with, and those that are new, left out. */
async function answerTo(asked: Promise<unknown>, names: readonly string[]): Promise<string> {
  const answer = await asked.then(
    (reply) => ({ ok: toJsonValue(reply) }),
    (error: unknown) => {
      if (error instanceof Refusal) return error.toNote()
      throw error
    },
  )
  const text = names.reduce((left, name) => left.replaceAll(name, 'the name'), JSON.stringify(answer))
  return text.replaceAll(/(function|input|output|task)-[0-9a-f-]{36}/g, '$1')
}

/** What the victims see of what they have. Others may name them in tasks of their own: those are not theirs. */
async function digestOfVictims(): Promise<string> {
  const known = new Set(Object.values(loot).flat())
  const admin = await platform.login('admin', platform.adminPassword)
  const views = await Promise.all(
    victims.map(async (victim) => {
      const ask = (method: string, request: object) =>
        call(victim, true, method, request).catch((error: unknown) => (error as Refusal).code)
      const lists = await Promise.all(['list_functions', 'list_data', 'list_tasks'].map((method) => ask(method, {})))
      const ids = JSON.stringify(toJsonValue(lists)).match(/(?:function|input|output|task)-[0-9a-f-]{36}/g) ?? []
      return [
        ids.filter((id) => known.has(id)),
        await Promise.all(loot.function.map((function_id) => ask('get_function', { function_id }))),
        await Promise.all(loot.function.map((function_id) => ask('get_function_usage', { function_id }))),
        await Promise.all(loot.input.map((data_id) => ask('get_input_file', { data_id }))),
        await Promise.all(loot.output.map((data_id) => ask('get_output_file', { data_id }))),
        await Promise.all(loot.task.map((task_id) => ask('get_task', { task_id }))),
      ]
    }),
  )
  const request = { session: admin.session.token, attribute: 'acme' }
  const users = await admin.connection.authentication.list_users(request)
  return digestJson(toJsonValue([views, users]))
}

describe('what is another organisation’s', () => {
  test('is named in fields that are found in the protocols', () => {
    const fields = FIELDS.map(({ field }) => field)
    expect(fields).toEqual(
      expect.arrayContaining([
        'get_function.function_id',
        'delete_data.data_id',
        'approve_task.task_id',
        'assign_data.inputs.*',
        'create_task.outputs.*.[]',
        'register_fusion_output.owners.[]',
        'reset_user_password.id',
        'list_users.attribute',
      ]),
    )
    expect([...Object.keys(TELLING), ...PARTIES, ...CURSORS].filter((field) => !fields.includes(field))).toEqual([])
  })

  test.each(FIELDS)('is named in $field, and answered like what is not there', async (one) => {
    const { name, isOfFrontend, path, names, field } = one
    for (const { party: attacker, own } of attackers) {
      for (const [kind, taken] of names.flatMap((named) => loot[named].map((id) => [named, id] as const))) {
        const request = sampleRequests(own)[name]
        const free = nothing(attacker.id)[kind]
        const tried = withValue(request, path, taken) as object
        const vain = withValue(request, path, free) as object
        const absent = await answerTo(call(attacker, isOfFrontend, name, vain), [free])
        const present = await answerTo(call(attacker, isOfFrontend, name, tried), [taken])
        if (CURSORS.includes(field)) {
          expect(victims.filter(({ id }) => present.includes(`"${id}"`))).toEqual([])
        } else if (PARTIES.includes(field)) expect(absent).not.toContain('"ok"')
        else if (TELLING[field] === undefined) expect([kind, present]).toEqual([kind, absent])
        else expect(present).not.toContain('"ok"')
      }
    }
  })

  test('is not given to who sends the same idempotency key', async () => {
    const [, alice] = victims
    const bob = attackers[1]!.party
    const { function_id } = await victims[0]!.api.register_function({ ...ECHO, public: true })
    const key = { idempotencyKey: 'the same key' }
    const request = { function_id, options: { idempotency_key: 'the same again' } }
    const theirs = await alice!.api.create_task(request, key)
    const own = await bob.api.create_task(request, key)
    expect(own.task_id).not.toBe(theirs.task_id)
    await alice!.api.cancel_task(theirs)
    await victims[0]!.api.delete_function({ function_id })
  })

  test('lies behind no cursor of a list', async () => {
    const bob = attackers[1]!.party
    const known = new Set(Object.values(loot).flat())
    for (const method of ['list_functions', 'list_data', 'list_tasks']) {
      for (const after of ['!', '../alice/', '/', '~', '0', 'user/alice/']) {
        const listed = JSON.stringify(toJsonValue(await call(bob, true, method, { after })))
        const ids = listed.match(/(?:function|input|output|task)-[0-9a-f-]{36}/g) ?? []
        expect(ids.filter((id) => known.has(id))).toEqual([])
      }
    }
  })

  test('is what it was', async () => {
    expect(await digestOfVictims()).toBe(before)
    // And everybody of theirs still comes in with the password of before.
    for (const { id, password } of victims) expect((await platform.login(id, password)).session.token).not.toBe('')
  })
})

const ECHO = {
  name: 'builtin-echo',
  executor: 'builtin' as const,
  arguments: [{ key: 'message', default: 'hello', overridable: true }],
}
