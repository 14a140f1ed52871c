/**
 * The configuration of the deployment's own nats-server, and the passwords of its users. Each service has a user with
 * the permissions of its protocol; who gives no name is `guest`; `operator` may do everything in the deployment's
 * account, and `system` looks after the server. JSON is a legal form of nats-server's configuration.
 */
import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { SERVICES } from '../../messages/index.ts'
import { guestPermissions, servicePermissions } from './broker_permissions.ts'

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

export interface BrokerFolders {
  /** JetStream's store. */
  storeFolder: string
  pidPath: string
}

/** @returns the text of the configuration file; it holds passwords, so it is for its owner's eyes alone */
export function brokerConfig({ users }: BrokerRecord, { storeFolder, pidPath }: BrokerFolders): string {
  const config = {
    server_name: 'tacit',
    pid_file: pidPath,
    jetstream: { store_dir: storeFolder },
    // A frame is at most one million bytes (`FRAME_BYTES_MAX`), which leaves the rest for headers.
    max_payload: 1024 * 1024,
    // Sixteen frames of the largest size may wait for a slow reader; then he is cut off rather than fed from our memory.
    max_pending: 64 * 1024 * 1024,
    write_deadline: '10s',
    accounts: {
      TACIT: {
        jetstream: 'enabled',
        users: [
          ...SERVICES.map((service) => ({
            user: service,
            password: users[service],
            permissions: servicePermissions(service),
          })),
          { user: 'operator', password: users.operator },
          { user: 'guest', password: users.guest, permissions: guestPermissions() },
        ],
      },
      SYS: { users: [{ user: 'system', password: users.system }] },
    },
    system_account: 'SYS',
    no_auth_user: 'guest',
  }
  return `${JSON.stringify(config, null, 2)}\n`
}
