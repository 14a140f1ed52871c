/** A manager wants to be more than that, users want to be somebody else, and admins want to be the only ones. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Role } from '../../messages/index.ts'
import { Refusal, ROLES } from '../../messages/index.ts'
import type { Party } from '../support/deployment.ts'
import type { WholePlatform } from '../support/whole_platform.ts'
import { ADMIN_ID, startWholePlatform } from '../support/whole_platform.ts'

interface Position {
  role: Role
  attribute?: string
}

const ORGANISATIONS = ['acme', 'rival']
const POSITIONS: readonly Position[] = ROLES.flatMap((role): Position[] =>
  role.startsWith('Data') ? ORGANISATIONS.map((attribute) => ({ role, attribute })) : [{ role }],
)
const OTHERS = POSITIONS.filter(({ role, attribute }) => role !== 'DataOwner' || attribute !== 'acme')
const PASSWORD = 'a good password'

let platform: WholePlatform
let admin: Party
let mia: Party
beforeAll(async () => {
  platform = await startWholePlatform()
  admin = await platform.login(ADMIN_ID, platform.adminPassword)
  mia = await platform.register('mia', 'DataOwnerManager', 'acme')
})
afterAll(() => platform.stop())

const users = ({ connection }: Party) => connection.authentication

async function codeOf(asked: Promise<unknown>): Promise<string> {
  return asked.then(
    () => 'ok',
    (error: unknown) => {
      if (error instanceof Refusal) return error.code
      throw error
    },
  )
}

let people = 0
async function registerSomebody(position: Position): Promise<string> {
  const id = `person-${++people}`
  await users(admin).user_register({ session: admin.session.token, id, password: PASSWORD, ...position })
  return id
}

async function everybody(): Promise<object[]> {
  return (await users(admin).list_users({ session: admin.session.token, limit: 1000 })).users
}

describe('a manager', () => {
  test.each(OTHERS)('registers no $role of $attribute', async (position) => {
    const before = await everybody()
    const request = { session: mia.session.token, id: 'somebody-new', password: PASSWORD, ...position }
    expect(await codeOf(users(mia).user_register(request))).toBe('forbidden')
    expect(await everybody()).toEqual(before)
  })

  test.each(OTHERS)('makes no $role of $attribute of a data owner of its own', async (position) => {
    const id = await registerSomebody({ role: 'DataOwner', attribute: 'acme' })
    const before = await everybody()
    const request = { session: mia.session.token, id, ...position }
    expect(await codeOf(users(mia).user_update({ ...request, password: 'mine from now on' }))).toBe('forbidden')
    // Half of the way, either half.
    const { role, attribute } = position
    if (role !== 'DataOwner') {
      expect(await codeOf(users(mia).user_update({ session: mia.session.token, id, role }))).not.toBe('ok')
    }
    if (attribute === 'rival') {
      expect(await codeOf(users(mia).user_update({ session: mia.session.token, id, attribute }))).toBe('forbidden')
    }
    expect(await everybody()).toEqual(before)
  })

  test.each(OTHERS)('does nothing to a $role of $attribute', async (position) => {
    const id = await registerSomebody(position)
    const before = await everybody()
    const session = mia.session.token
    const own = { role: 'DataOwner' as const, attribute: 'acme' }
    const codes = await Promise.all([
      codeOf(users(mia).user_update({ session, id, password: 'mine from now on' })),
      // Taken over first, it would be its own.
      codeOf(users(mia).user_update({ session, id, ...own })),
      codeOf(users(mia).reset_user_password({ session, id })),
      codeOf(users(mia).delete_user({ session, id })),
    ])
    expect(codes).toEqual(['forbidden', 'forbidden', 'forbidden', 'forbidden'])
    expect(await everybody()).toEqual(before)
    expect((await platform.login(id, PASSWORD)).session.token).not.toBe('')
  })

  test('changes neither role nor organisation of its own', async () => {
    for (const position of POSITIONS) {
      const request = { session: mia.session.token, id: mia.id, ...position }
      expect(await codeOf(users(mia).user_update(request))).toBe('forbidden')
    }
    expect(await codeOf(users(mia).delete_user({ session: mia.session.token, id: mia.id }))).toBe('forbidden')
  })

  test('that was moved to another organisation has no rights in the old one', async () => {
    const ann = await platform.register('ann', 'DataOwnerManager', 'acme')
    const id = await registerSomebody({ role: 'DataOwner', attribute: 'acme' })
    await users(admin).user_update({ session: admin.session.token, id: ann.id, attribute: 'rival' })
    expect(await codeOf(users(ann).reset_user_password({ session: ann.session.token, id }))).toBe('unauthenticated')
    const again = await platform.login(ann.id, ann.password)
    expect(await codeOf(users(again).reset_user_password({ session: again.session.token, id }))).toBe('forbidden')
  })
})

test.each(ROLES.filter((role) => role !== 'PlatformAdmin'))('a %s makes no admin of itself', async (role) => {
  const position = role.startsWith('Data') ? { role, attribute: 'acme' } : { role }
  const id = await registerSomebody(position)
  const party = await platform.login(id, PASSWORD)
  const request = { session: party.session.token, id, role: 'PlatformAdmin' as const }
  expect(await codeOf(users(party).user_update(request))).toBe('forbidden')
})

describe('the last admin', () => {
  test('can neither go nor become something else', async () => {
    const session = admin.session.token
    const others = (await everybody()) as { id: string; role: Role }[]
    for (const { id } of others.filter((user) => user.role === 'PlatformAdmin' && user.id !== ADMIN_ID)) {
      await users(admin).delete_user({ session, id })
    }
    expect(await codeOf(users(admin).delete_user({ session, id: ADMIN_ID }))).toBe('forbidden')
    for (const position of POSITIONS.filter(({ role }) => role !== 'PlatformAdmin')) {
      expect(await codeOf(users(admin).user_update({ session, id: ADMIN_ID, ...position }))).toBe('forbidden')
    }
  })

  test('is one of two that unmake each other at once, at two members', async () => {
    for (let round = 0; round < 5; round += 1) {
      const id = await registerSomebody({ role: 'PlatformAdmin' })
      const other = await platform.login(id, PASSWORD)
      const codes = await Promise.all([
        codeOf(users(admin).delete_user({ session: admin.session.token, id })),
        codeOf(users(other).user_update({ session: other.session.token, id: ADMIN_ID, role: 'FunctionOwner' })),
      ])
      // Who lost is refused as the last admin, or because its session was over by then.
      expect(codes.filter((code) => code === 'ok')).toHaveLength(1)
      const winner = codes[0] === 'ok' ? admin : other
      const { users: left } = await users(winner).list_users({ session: winner.session.token, limit: 1000 })
      expect(left.filter(({ role }) => role === 'PlatformAdmin').map((user) => user.id)).toEqual([winner.id])
      if (winner === admin) continue
      await users(other).user_update({ session: other.session.token, id: ADMIN_ID, role: 'PlatformAdmin' })
      admin = await platform.login(ADMIN_ID, platform.adminPassword)
      await users(admin).delete_user({ session: admin.session.token, id })
    }
  })
})
