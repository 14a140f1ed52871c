/** The coordinator admits members and revokes them, and proves itself to whoever asks. The authority decides. */
import { coordinator, EPOCH_EVENT, Refusal } from '../../messages/index.ts'
import type { Actor, ServiceHost } from '../../runtime/index.ts'
import { actor, clientThumbprint } from '../../runtime/index.ts'
import type { Authority } from './authority.ts'
import type { ServiceList } from './service_list.ts'

export interface CoordinatorParts extends Pick<ServiceHost, 'events' | 'log'> {
  authority: Authority
  services: ServiceList
}

export function coordinatorActor({ authority, services, events, log }: CoordinatorParts): Actor<typeof coordinator> {
  return actor(coordinator, {
    async get_platform({ nonce }) {
      await authority.refresh()
      const statement = { groups: authority.directory(), services: await services.list() }
      return {
        evidence: await authority.prove(nonce, statement),
        issuer_key: authority.issuerKey,
        manifest: authority.manifestText,
        ...statement,
      }
    },
    get_nonce: () => ({ nonce: authority.makeNonce() }),
    async enrol(request, { sender }) {
      // A member speaks for its own keys alone: whoever sends this holds the signing key that it is about.
      const own = sender.id === request.member || sender.id === clientThumbprint(request.signing_key)
      if (!own)
        throw new Refusal('platform_untrusted', 'the letter was signed by another key than the one to be admitted')
      const admission = await authority.admit({
        role: request.role,
        member: request.member,
        workerClass: request.worker_class,
        signingKey: request.signing_key,
        sealingKey: request.sealing_key,
        nonce: request.nonce,
        evidence: request.evidence,
      })
      services.forget()
      log.info(
        { member: request.member, role: request.role, platform: request.evidence.platform },
        'a member was admitted',
      )
      const { expiresAtMs, ...rest } = admission
      return { ...rest, expires_at: expiresAtMs }
    },
    async revoke_member({ member }) {
      await authority.revoke(member)
      log.warn({ member }, 'a member was revoked')
      events.publish(EPOCH_EVENT, {})
      return {}
    },
  })
}
