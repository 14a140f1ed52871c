import { expect, test } from 'vitest'
import { brokerConfig } from '../../../deploy/broker/broker_config.ts'
import { BROKER_USERS, brokerRecord, createBrokerRecord, credentialsOf } from '../../../deploy/state/broker_record.ts'
import { servicePermissions } from '../../../deploy/broker/broker_permissions.ts'
import { SERVICES } from '../../../messages/index.ts'

const record = createBrokerRecord()
const config = JSON.parse(brokerConfig(record, { storeFolder: '/state/nats', pidPath: '/state/run/nats.pid' }))
const users: { user: string; password: string; permissions?: unknown }[] = config.accounts.TACIT.users

test('each service has a user of its own with the permissions of its protocol', () => {
  for (const service of SERVICES) {
    expect(users.find(({ user }) => user === service)).toEqual({
      user: service,
      password: record.users[service],
      permissions: servicePermissions(service),
    })
  }
})

test('only the operator is not held to permissions', () => {
  expect(users.filter(({ permissions }) => permissions === undefined).map(({ user }) => user)).toEqual(['operator'])
})

test('who gives no name is the guest, and the system account is apart', () => {
  expect(config).toMatchObject({ no_auth_user: 'guest', system_account: 'SYS' })
  expect(config.accounts.SYS.users).toEqual([{ user: 'system', password: record.users.system }])
})

test('no password reads as a hash, which the server would compare otherwise', () => {
  for (const user of BROKER_USERS) expect(record.users[user]).not.toMatch(/^\$/)
})

test("a record is read back, and a user's absence is found", () => {
  expect(brokerRecord.parse(JSON.parse(JSON.stringify(record)))).toEqual(record)
  const { guest: _guest, ...others } = record.users
  expect(brokerRecord.safeParse({ users: others }).success).toBe(false)
})

test('on a broker of somebody else all are the one user', () => {
  expect(credentialsOf(record, 'storage')).toEqual({ user: 'storage', password: record.users.storage })
  const external = { user: 'tacit', password: 'secret' }
  expect(credentialsOf({ ...record, external }, 'storage')).toEqual(external)
})
