/**
 * Each role on each method that a client may call, through the door: real sessions, real policies, real services. What
 * a role may not do is refused whatever it names; what it may do is answered about the thing that it names.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DoorMethod, Role } from '../../messages/index.ts'
import { authentication, callersOf, createId, frontend, Refusal, ROLES } from '../../messages/index.ts'
import { API_ROLES } from '../actors/access_control/reference_rules.ts'
import type { Party } from '../support/deployment.ts'
import type { ClientMethod } from '../support/sample_requests.ts'
import { sampleRequests } from '../support/sample_requests.ts'
import type { WholePlatform } from '../support/whole_platform.ts'
import { ADMIN_ID, startWholePlatform } from '../support/whole_platform.ts'

const SELF: readonly Role[] = ROLES
const KEEPERS: readonly Role[] = ['PlatformAdmin', 'DataOwnerManager']
/** Who may call authentication's methods at all; about whom, their own rules say. */
const USER_ROLES: Readonly<Record<Exclude<ClientMethod, DoorMethod>, readonly Role[]>> = {
  user_login: SELF,
  user_register: KEEPERS,
  user_update: KEEPERS,
  user_change_password: SELF,
  reset_user_password: KEEPERS,
  delete_user: KEEPERS,
  user_logout: SELF,
  list_users: KEEPERS,
}
const ALLOWED: Readonly<Record<ClientMethod, readonly Role[]>> = { ...API_ROLES, ...USER_ROLES }

/** How a request of `sampleRequests` about nothing that exists is answered to who may send it. */
const ANSWERS: Readonly<Record<ClientMethod, string>> = {
  register_function: 'ok',
  update_function: 'not_found',
  get_function: 'not_found',
  get_function_usage: 'not_found',
  disable_function: 'not_found',
  delete_function: 'not_found',
  list_functions: 'ok',
  register_input_file: 'ok',
  register_output_file: 'ok',
  update_input_file: 'not_found',
  update_output_file: 'not_found',
  register_fusion_output: 'not_found',
  register_input_from_output: 'not_found',
  get_input_file: 'not_found',
  get_output_file: 'not_found',
  list_data: 'ok',
  delete_data: 'not_found',
  create_task: 'not_found',
  get_task: 'not_found',
  list_tasks: 'ok',
  watch_task: 'not_found',
  assign_data: 'not_found',
  approve_task: 'not_found',
  invoke_task: 'not_found',
  cancel_task: 'not_found',
  query_audit_log: 'ok',
  verify_audit_log: 'ok',
  revoke_member: 'not_found',
  get_policy: 'ok',
  put_policy: 'conflict',
  user_login: 'wrong_credentials',
  user_register: 'ok',
  user_update: 'ok',
  user_change_password: 'wrong_credentials',
  reset_user_password: 'ok',
  delete_user: 'ok',
  user_logout: 'ok',
  list_users: 'ok',
}

const OPEN = [frontend, authentication].flatMap((protocol) =>
  (Object.keys(protocol.methods) as ClientMethod[]).filter((method) => callersOf(protocol, method).includes('client')),
)
const NAMES: Readonly<Record<Role, string>> = {
  PlatformAdmin: 'root',
  FunctionOwner: 'olga',
  DataOwnerManager: 'mia',
  DataOwner: 'alice',
}

let platform: WholePlatform
let admin: Party
const parties = new Map<string, Party>()
beforeAll(async () => {
  platform = await startWholePlatform()
  admin = await platform.login(ADMIN_ID, platform.adminPassword)
  for (const role of ROLES) {
    parties.set(role, await platform.register(NAMES[role], role, role.startsWith('Data') ? 'acme' : undefined))
  }
  const dead = await platform.register('dora', 'PlatformAdmin')
  await admin.connection.authentication.delete_user({ session: admin.session.token, id: 'dora' })
  parties.set('a deleted admin', dead)
})
afterAll(() => platform.stop())

/** The code of the answer, and whether it was the role that was refused. */
async function codeOf(party: Party, method: ClientMethod, request: object, token?: string): Promise<string> {
  const { connection } = party
  const isOfFrontend = Object.hasOwn(frontend.methods, method)
  const session = token ?? party.session.token
  const target = (isOfFrontend ? connection.as({ token: session }) : connection.authentication) as unknown
  const ask = (target as Record<string, (request: object) => Promise<unknown>>)[method]!
  return ask(isOfFrontend || method === 'user_login' ? request : { session, ...request }).then(
    () => 'ok',
    (error: unknown) => {
      if (error instanceof Refusal) return error.code
      throw error
    },
  )
}

let people = 0

/** About functions, data and tasks that are not there, and about a user who is: a data owner of the organisation. */
async function requestFor(method: ClientMethod, caller: string): Promise<object> {
  const user = `person-${++people}`
  const isNew = method === 'user_register' || method === 'user_login'
  if (!isNew && Object.hasOwn(USER_ROLES, method)) {
    const registration = { id: user, password: 'a good password', role: 'DataOwner' as const, attribute: 'acme' }
    await admin.connection.authentication.user_register({ session: admin.session.token, ...registration })
  }
  return sampleRequests({
    function: createId('function'),
    input: createId('input'),
    output: createId('output'),
    task: createId('task'),
    terms_digest: '0'.repeat(64),
    user,
    caller,
    organisation: 'acme',
  })[method]
}

describe('each role on each method', () => {
  test('is in the table, and no other method is', () => {
    expect(Object.keys(ALLOWED).sort()).toEqual([...OPEN].sort())
    expect(Object.keys(ANSWERS).sort()).toEqual([...OPEN].sort())
  })

  test.each(OPEN)('%s', async (method) => {
    const codes = new Map<string, string>()
    for (const role of ROLES) {
      const named = parties.get(role)!
      // Whoever logs out, does so from a session that nobody else needs.
      const party = method === 'user_logout' ? await platform.login(named.id, named.password) : named
      codes.set(role, await codeOf(party, method, await requestFor(method, party.id)))
    }
    const expected = ROLES.map((role) => [role, ALLOWED[method].includes(role) ? ANSWERS[method] : 'forbidden'])
    expect(Object.fromEntries(codes)).toEqual(Object.fromEntries(expected))
  })

  test.each(OPEN.filter((method) => method !== 'user_login'))('%s is for nobody without a session', async (method) => {
    const alice = parties.get('DataOwner')!
    const request = await requestFor(method, 'alice')
    const forged = `${alice.session.token.slice(0, -4)}AAAA`
    expect(await codeOf(alice, method, request, '')).toBe('unauthenticated')
    expect(await codeOf(alice, method, request, forged)).toBe('unauthenticated')
    // Somebody else's token, on a connection with another key.
    expect(await codeOf(alice, method, request, parties.get('PlatformAdmin')!.session.token)).toBe('unauthenticated')
    const dead = await codeOf(parties.get('a deleted admin')!, method, request)
    // Who logs out of a session that is over has what it wants.
    expect(method === 'user_logout' ? ['ok', 'unauthenticated'] : ['unauthenticated']).toContain(dead)
  })
})
