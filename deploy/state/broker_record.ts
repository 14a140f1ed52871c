/**
 * What `broker.json` keeps about the deployment's broker: its address, and a password for each of its users. Each
 * service is a user, including each extension. Whoever gives no name is `guest`. `operator` may do everything in the
 * deployment's account, and `system` administers the server.
 */
import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { assert, fromKeys, SERVICES } from '../../messages/index.ts'

const PEOPLE = ['operator', 'system', 'guest'] as const
export const BROKER_USERS: readonly string[] = [...SERVICES, ...PEOPLE]

const password = z.string().regex(/^[A-Za-z0-9_-]{32,128}$/)

/** The content of `broker.json`. The passwords are made once; the address is that of the last start. */
export const brokerRecord = z.strictObject({
  /** If a service is newer than the record, the next start adds a password for it. */
  users: z.object(fromKeys(PEOPLE, () => password)).catchall(password),
  /** The broker's last address; it is valid while the deployment holds the lock. */
  url: z.string().optional(),
  /** The only user on a broker that is not the deployment's own. That broker's operator decides who may do what. */
  external: z.strictObject({ user: z.string(), password: z.string() }).optional(),
})
export type BrokerRecord = z.infer<typeof brokerRecord>

/** The name and password with which a user connects to the broker; both are empty if the broker needs no user. */
export function credentialsOf(broker: BrokerRecord, user: string): { user: string; password: string } {
  if (broker.external !== undefined) return broker.external
  const known = broker.users[user]
  assert(known !== undefined, `the broker has a user "${user}"`)
  return { user, password: known }
}

/** Makes 192 random bits for each user. A guest gives no name and no password; nobody else can use the name `guest`. */
export function createBrokerRecord(): BrokerRecord {
  return { users: { ...fromKeys(PEOPLE, makePassword), ...fromKeys(SERVICES, makePassword) } }
}

/** The record with a password for each of these services too; a service that has one keeps it. */
export function withUsers(broker: BrokerRecord, services: readonly string[]): BrokerRecord {
  return { ...broker, users: { ...fromKeys(services, makePassword), ...broker.users } }
}

function makePassword(): string {
  return randomBytes(24).toString('base64url')
}
