/**
 * The configuration of the deployment's own nats-server. It has one account with a user for each service, who may do
 * what the service's protocol needs, and one account for the server itself. nats-server accepts a configuration in
 * JSON.
 */
import { PROTOCOLS } from '../../messages/index.ts'
import type { Protocols } from '../services.ts'
import type { BrokerRecord } from '../state/broker_record.ts'
import { guestPermissions, servicePermissions } from './broker_permissions.ts'

export interface BrokerFolders {
  /** JetStream's store. */
  storeFolder: string
  pidPath: string
}

/**
 * @param protocols the protocols of the deployment's services
 * @returns the text of the configuration file; it holds passwords, so only its owner may read it
 */
export function brokerConfig(
  { users }: BrokerRecord,
  { storeFolder, pidPath }: BrokerFolders,
  protocols: Protocols = PROTOCOLS,
): string {
  const config = {
    server_name: 'tacit',
    pid_file: pidPath,
    jetstream: { store_dir: storeFolder },
    // A frame is at most one million bytes (`FRAME_BYTES_MAX`), which leaves the rest for headers.
    max_payload: 1024 * 1024,
    // Up to 64 frames of the largest size may wait for a slow reader. Beyond that the server disconnects the reader, so
    // that it does not fill our memory.
    max_pending: 64 * 1024 * 1024,
    write_deadline: '10s',
    accounts: {
      TACIT: {
        jetstream: 'enabled',
        users: [
          ...Object.keys(protocols).map((service) => ({
            user: service,
            password: users[service],
            permissions: servicePermissions(service, protocols),
          })),
          { user: 'operator', password: users.operator },
          { user: 'guest', password: users.guest, permissions: guestPermissions(protocols) },
        ],
      },
      SYS: { users: [{ user: 'system', password: users.system }] },
    },
    system_account: 'SYS',
    no_auth_user: 'guest',
  }
  return `${JSON.stringify(config, null, 2)}\n`
}
