/**
 * What `broker.json` keeps of the deployment's broker: where it is, and a password for each of its users. Each service is
 * a user; whoever gives no name is `guest`; `operator` may do everything in the deployment's account, and `system` looks
 * after the server.
 */
import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { SERVICES } from '../../messages/index.ts'

export const BROKER_USERS = [...SERVICES, 'operator', 'system', 'guest'] as const
export type BrokerUser = (typeof BROKER_USERS)[number]

/** What `broker.json` keeps: the passwords are made once, the address is of the last start. */
export const brokerRecord = z.strictObject({
  users: z.record(z.enum(BROKER_USERS), z.string().regex(/^[A-Za-z0-9_-]{32,128}$/)),
  /** Where the broker was last reached; it is there as long as the deployment holds the lock. */
  url: z.string().optional(),
  /** The one user of a broker that is not the deployment's own; its operator rules who may do what there. */
  external: z.strictObject({ user: z.string(), password: z.string() }).optional(),
})
export type BrokerRecord = z.infer<typeof brokerRecord>

/** How a user reaches the broker that the record names; both are empty where the broker asks for no user. */
export function credentialsOf(broker: BrokerRecord, user: BrokerUser): { user: string; password: string } {
  return broker.external ?? { user, password: broker.users[user] }
}

/** 192 random bits a user. The guest's password keeps strangers from naming him; he comes in without one. */
export function createBrokerRecord(): BrokerRecord {
  const entries = BROKER_USERS.map((user) => [user, randomBytes(24).toString('base64url')] as const)
  return { users: Object.fromEntries(entries) as BrokerRecord['users'] } // fromEntries forgets the key type
}
