import { beforeEach, describe, expect, it } from 'vitest'
import { start } from '../../../actors/access_control/index.ts'
import { AuditChain } from '../../../attestation/index.ts'
import type { access_control, Role } from '../../../messages/index.ts'
import { createId, pack, Refusal, storage } from '../../../messages/index.ts'
import type { Client, Service } from '../../../runtime/index.ts'
import { actor, ManualClock, MemoryRecordStream } from '../../../runtime/index.ts'
import type { MemoryStorage } from '../authentication/local_service.ts'
import { keptLog, localClient, localHost, memoryStorage } from '../authentication/local_service.ts'

type AccessControl = Client<typeof access_control>

const CLOSED = '@id("closed") forbid (principal, action == Action::"create_task", resource);'
const closed = { season: { language: 'cedar' as const, text: CLOSED } }
const admin = { user_id: 'root', role: 'PlatformAdmin' as Role, attribute: null }
const chain = new AuditChain(new Uint8Array(32))
const question = { question: 'api' as const, role: 'DataOwner' as const, method: 'create_task' }

let clock: ManualClock
let memory: MemoryStorage
let members: AccessControl[]
let log: ReturnType<typeof keptLog>
let reads: number
let stream: MemoryRecordStream
let services: Service[]
let fails: boolean

/** Two members over one storage, which counts how often it is read. */
beforeEach(async () => {
  clock = new ManualClock()
  memory = memoryStorage()
  log = keptLog()
  reads = 0
  stream = new MemoryRecordStream()
  services = []
  fails = false
  members = [await open(), await open()]
})

async function open(): Promise<AccessControl> {
  const handlers = {
    ...memory.actor.handlers,
    get_many: (...letter: Parameters<(typeof memory.actor.handlers)['get_many']>) => {
      reads += 1
      if (fails) throw new Refusal('unavailable', 'no member answers')
      return memory.actor.handlers.get_many(...letter)
    },
  }
  const actors = [actor(storage, handlers)]
  const service: Service = await start(localHost({ clock, actors, log: log.log, auditStream: stream }))
  services.push(service)
  // What access control starts is access control.
  return localClient(service.actor) as unknown as AccessControl
}

const [first, second] = [() => members[0]!, () => members[1]!]
const put = (replaces: number, documents: object, key?: string) =>
  first().put_policy(
    { caller: admin, request: { replaces, documents: documents as never } },
    key === undefined ? {} : { idempotencyKey: key },
  )
const ruleOf = async (member: AccessControl) => (await member.decide(question)).rule

describe('an added policy', () => {
  it('counts at once where it was put, and within half a second on every other member', async () => {
    expect([await ruleOf(first()), await ruleOf(second())]).toEqual(['api_data', 'api_data'])
    const { version, policy_version } = await put(0, closed)
    expect(version).toBe(1)
    expect(await first().decide(question)).toMatchObject({ allowed: false, rule: 'season.closed', policy_version })
    clock.advance(401)
    expect(await second().decide(question)).toMatchObject({ allowed: false, rule: 'season.closed', policy_version })
    await put(1, {})
    clock.advance(401)
    expect(await ruleOf(second())).toBe('api_data')
  })

  it('is read, with earlier ones and those of the code', async () => {
    expect(await second().get_policy({})).toMatchObject({
      version: 0,
      documents: {},
      changed_by: null,
      changed_at: null,
    })
    await put(0, closed)
    await put(1, {})
    clock.advance(401)
    const present = await second().get_policy({})
    expect(present).toMatchObject({ version: 2, documents: {}, changed_by: 'root' })
    expect(Object.keys(present.built_in)).toContain('task_access_data')
    const earlier = await second().get_policy({ version: 1 })
    expect(earlier).toMatchObject({ version: 1, documents: closed, changed_by: 'root' })
    expect(earlier.policy_version).not.toBe(present.policy_version)
    await expect(second().get_policy({ version: 3 })).rejects.toMatchObject({ code: 'not_found', field: 'version' })
  })

  it('is put once, however often the request is delivered, and not over one that was not read', async () => {
    expect(await put(0, closed, 'k')).toEqual(await put(0, closed, 'k'))
    await expect(put(0, {}, 'another')).rejects.toMatchObject({ code: 'conflict', field: 'replaces' })
    await expect(put(2, {}, 'another')).rejects.toMatchObject({ code: 'conflict' })
    expect((await put(1, {}, 'another')).version).toBe(2)
  })

  it('is settled between two admins, and between a commit and its lost answer', async () => {
    const commit = memory.actor.handlers.commit
    const both = await Promise.allSettled([put(0, closed, 'a'), put(0, {}, 'b')])
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    memory.actor.handlers.commit = async (...letter) => {
      await commit(...letter)
      return commit(...letter)
    }
    members = [await open(), await open()]
    expect((await put(1, {}, 'c')).version).toBe(2)
  })

  it('is a record of the audit log: who, which version with which digest, and never its text', async () => {
    const { policy_version } = await put(0, closed)
    await put(1, {}, 'b')
    await expect(put(1, {}, 'c')).rejects.toMatchObject({ code: 'conflict' })
    for (const service of services) await service.close?.()
    const records = stream.records.flatMap(({ body }) => chain.openPage(body).records)
    expect(records).toMatchObject([
      { kind: 'change', user: 'root', method: 'put_policy', outcome: 'ok', at: clock.now() },
      { user: 'root', method: 'put_policy' },
    ])
    expect(records.map(({ text }) => text)).toEqual([
      `version 1, policy ${policy_version}, documents: season`,
      expect.stringMatching(/^version 2, policy [0-9a-f]{64}, documents: none$/),
    ])
  })

  it('is not put where it could not be written down', async () => {
    stream.append = () => Promise.reject(new Refusal('overloaded', 'full'))
    for (let version = 0; version < 10_000; version += 1) await put(version, {})
    await expect(put(10_000, closed)).rejects.toMatchObject({ code: 'overloaded' })
    expect(await ruleOf(first())).toBe('api_data')
  })

  it('is logged, with who changed what', async () => {
    await put(0, closed)
    expect(log.lines).toContainEqual({
      text: 'the policy was changed',
      fields: expect.objectContaining({ version: 1, changed_by: 'root', documents: ['season'] }),
    })
  })

  it('is refused when it does not validate, or when nobody could change it again', async () => {
    const bad = (text: string) => put(0, { bad: { language: 'cedar', text } })
    await expect(bad('\n@id("x") forbid (principal, action == Action::"fly", resource);')).rejects.toMatchObject({
      code: 'policy_invalid',
      field: 'bad',
      message: expect.stringMatching(/^bad:2:/),
    })
    await expect(bad('@id("x") forbid (principal, action, resource is Service);')).rejects.toMatchObject({
      code: 'policy_invalid',
      message: /nobody could change/,
    })
    expect((await first().get_policy({})).version).toBe(0)
  })

  it('is put by admins alone, whatever the frontend says', async () => {
    const request = { replaces: 0, documents: closed }
    const caller = { ...admin, role: 'DataOwner' as Role, attribute: 'clinic' }
    await expect(first().put_policy({ caller, request })).rejects.toMatchObject({ code: 'forbidden' })
  })

  it('that this code cannot read allows nothing but to be replaced', async () => {
    const record = { format: 1, version: 7, changed_by: 'root', changed_at: 1, request_id: 'r' }
    const documents = { old: { language: 'cedar', text: '@id("x") forbid (principal is Wizard, action, resource);' } }
    memory.entries.set('policy/current', { value: pack({ ...record, documents }), revision: 1 })
    expect(await second().decide(question)).toMatchObject({ allowed: false, rule: 'policy_damaged' })
    const data = { data_id: createId('input'), owners: ['ann'] }
    expect((await second().decide({ question: 'user_access_data', user_id: 'ann', data })).allowed).toBe(false)
    const mend = { question: 'api', role: 'PlatformAdmin', method: 'put_policy' } as const
    expect((await second().decide(mend)).allowed).toBe(true)
    expect((await second().get_policy({})).documents).toEqual(documents)
    expect((await put(7, {})).version).toBe(8)
    clock.advance(401)
    expect(await ruleOf(second())).toBe('api_data')
  })
})

describe('the stored policy', () => {
  it('is looked at once for many questions, in the background first, and not while nobody asks', async () => {
    await Promise.all([first().decide(question), first().decide(question), first().decide(question)])
    await first().decide(question)
    expect(reads).toBe(1)
    clock.advance(201)
    await first().decide(question)
    expect(reads).toBe(2)
    clock.advance(60_000)
    expect(reads).toBe(2)
  })

  it('must be readable: without storage nothing is decided, until it answers again', async () => {
    await first().decide(question)
    fails = true
    clock.advance(300)
    expect(await ruleOf(first())).toBe('api_data')
    clock.advance(200)
    await expect(first().decide(question)).rejects.toMatchObject({ code: 'unavailable' })
    fails = false
    expect(await ruleOf(first())).toBe('api_data')
  })

  it('of another form is damage, not absence', async () => {
    memory.entries.set('policy/current', { value: pack({ format: 2 }), revision: 1 })
    await expect(first().decide(question)).rejects.toMatchObject({ code: 'state_damaged' })
  })

  it('keeps a hundred versions', async () => {
    for (let version = 0; version < 103; version += 1) await put(version, {})
    const versions = [...memory.entries.keys()].filter((key) => key.startsWith('policy/version/'))
    expect(versions).toHaveLength(100)
    await expect(first().get_policy({ version: 3 })).rejects.toMatchObject({ code: 'not_found' })
    expect((await first().get_policy({ version: 4 })).version).toBe(4)
  })
})
