/**
 * What `broker.json` keeps of the deployment's broker: where it is, and a password for each of its users. Each service
 * is a user, extensions too; whoever gives no name is `guest`; `operator` may do everything in the deployment's
 * account, and `system` looks after the server.
 */
import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { assert, fromKeys, SERVICES } from '../../messages/index.ts'

const PEOPLE = ['operator', 'system', 'guest'] as const
export const BROKER_USERS: readonly string[] = [...SERVICES, ...PEOPLE]

const password = z.string().regex(/^[A-Za-z0-9_-]{32,128}$/)

/** What `broker.json` keeps: the passwords are made once, the address is of the last start. */
export const brokerRecord = z.strictObject({
  /** A service that is newer than the record gets its password at the next start. */
  users: z.object(fromKeys(PEOPLE, () => password)).catchall(password),
  /** Where the broker was last reached; it is there as long as the deployment holds the lock. */
  url: z.string().optional(),
  /** The one user of a broker that is not the deployment's own; its operator rules who may do what there. */
  external: z.strictObject({ user: z.string(), password: z.string() }).optional(),
})
export type BrokerRecord = z.infer<typeof brokerRecord>

/** How a user reaches the broker that the record names; both are empty where the broker asks for no user. */
export function credentialsOf(broker: BrokerRecord, user: string): { user: string; password: string } {
  if (broker.external !== undefined) return broker.external
  const known = broker.users[user]
  assert(known !== undefined, `the broker has a user "${user}"`)
  return { user, password: known }
}

/** 192 random bits a user. The guest's password keeps strangers from naming it; a guest comes in without one. */
export function createBrokerRecord(): BrokerRecord {
  return { users: { ...fromKeys(PEOPLE, makePassword), ...fromKeys(SERVICES, makePassword) } }
}

/** The record with a password for each of these services too; those that have one keep it. */
export function withUsers(broker: BrokerRecord, services: readonly string[]): BrokerRecord {
  return { ...broker, users: { ...fromKeys(services, makePassword), ...broker.users } }
}

function makePassword(): string {
  return randomBytes(24).toString('base64url')
}
