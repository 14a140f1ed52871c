/** Starts a coordinator, whose authority is opened before it; and what admits the coordinator itself. */
import { EPOCH_EVENT } from '../../messages/index.ts'
import type { PassportBucket, Service, ServiceHost } from '../../runtime/index.ts'
import { repeat } from '../../runtime/index.ts'
import type { Authority } from './authority.ts'
import { coordinatorActor } from './coordinator_actor.ts'
import { listServices } from './service_list.ts'

export { Authority } from './authority.ts'
export type { AuthorityOptions } from './authority.ts'
export { ownAdmission } from './own_admission.ts'

/** How often it looks for epochs that are due, and for what other coordinators decided. */
const REFRESH_MS = 5_000

export function startCoordinator(host: ServiceHost, authority: Authority, passports: PassportBucket): Service {
  const { clock, events, log } = host
  let published = epochsOf(authority)
  const refresh = async () => {
    try {
      await authority.refresh()
    } finally {
      // Epochs begin with time: there may be new ones although the state could not be read.
      const present = epochsOf(authority)
      if (present !== published) {
        published = present
        events.publish(EPOCH_EVENT, {})
      }
    }
  }
  const endRefreshing = repeat(refresh, {
    everyMs: REFRESH_MS,
    clock,
    atOnce: true,
    onFailure: (error) => log.warn({ err: error }, 'the epochs could not be refreshed'),
  })
  const services = listServices(authority, passports, clock)
  return {
    actor: coordinatorActor({ authority, services, events, log }),
    close() {
      void endRefreshing()
      return Promise.resolve()
    },
  }
}

/** The latest epoch of each group: what members should hold. */
function epochsOf(authority: Authority): string {
  return JSON.stringify([...new Map(authority.directory().map(({ group, epoch }) => [group, epoch]))])
}
