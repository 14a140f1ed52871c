/** The coordinator's service: the authority behind its protocol, and how it admits itself. */
import { verifyPassport } from '../../attestation/index.ts'
import { coordinator, EPOCH_EVENT, Refusal } from '../../messages/index.ts'
import type {
  Actor,
  AdmissionSource,
  Clock,
  Identity,
  PassportBucket,
  Service,
  ServiceHost,
} from '../../runtime/index.ts'
import { actor, clientThumbprint } from '../../runtime/index.ts'
import type { EvidenceNote } from '../../messages/index.ts'
import { memberReportData } from '../../attestation/index.ts'
import type { Authority } from './authority.ts'

export { Authority } from './authority.ts'
export type { AuthorityOptions } from './authority.ts'

/** How often it looks for epochs that are due, and for what other coordinators decided. */
const REFRESH_MS = 5_000
const SERVICES_CACHE_MS = 1_000

/** The coordinator is admitted by its own authority, with evidence like everybody else's. */
export function ownAdmission(
  authority: Authority,
  identity: Identity,
  attest: (reportData: Uint8Array) => Promise<EvidenceNote>,
): AdmissionSource {
  return {
    async connect() {
      await authority.refresh()
      return {
        anchor: { issuerKey: authority.issuerKey, manifest: authority.manifest },
        groups: authority.directory(),
      }
    },
    async admit() {
      const applicant = {
        role: identity.role,
        member: identity.id,
        workerClass: undefined,
        signingKey: identity.keys.signingKey.publicKey,
        sealingKey: identity.keys.sealingKey.publicKey,
        nonce: authority.makeNonce(),
      }
      return authority.admit({ ...applicant, evidence: await attest(memberReportData(applicant)) })
    },
  }
}

export function startCoordinator(host: ServiceHost, authority: Authority, passports: PassportBucket): Service {
  let stopped = false
  let told = epochsOf(authority)
  const refresh = async () => {
    await authority
      .refresh()
      .catch((error: unknown) => host.log.warn({ err: error }, 'the epochs could not be refreshed'))
    const present = epochsOf(authority)
    if (present === told) return
    told = present
    host.events.publish(EPOCH_EVENT, {})
  }
  const loop = () => {
    if (stopped) return
    void refresh().then(() => host.clock.after(REFRESH_MS, loop))
  }
  loop()
  return {
    actor: coordinatorActor(host, authority, listServices(authority, passports, host.clock)),
    close() {
      stopped = true
      return Promise.resolve()
    },
  }
}

/** The latest epoch of each group: what members should hold. */
function epochsOf(authority: Authority): string {
  return JSON.stringify([...new Map(authority.directory().map(({ group, epoch }) => [group, epoch]))])
}

/** Who holds a live passport; forgotten when this coordinator admits somebody, and after a second. */
interface ServiceList {
  list(): Promise<PlatformServices>
  forget(): void
}

type PlatformServices = { name: string; members: number; measurement: string; platform: string }[]

function coordinatorActor(host: ServiceHost, authority: Authority, services: ServiceList): Actor<typeof coordinator> {
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
      host.log.info(
        { member: request.member, role: request.role, platform: request.evidence.platform },
        'a member was admitted',
      )
      const { expiresAtMs, ...rest } = admission
      return { ...rest, expires_at: expiresAtMs }
    },
    async revoke_member({ member }) {
      await authority.revoke(member)
      host.log.warn({ member }, 'a member was revoked')
      host.events.publish(EPOCH_EVENT, {})
      return {}
    },
  })
}

/** Who holds a live passport, by service and measurement. Read at most once a second, since clients may ask at will. */
function listServices(authority: Authority, passports: PassportBucket, clock: Clock): ServiceList {
  let cached: { at: number; services: Promise<PlatformServices> } | undefined
  return {
    list() {
      if (cached === undefined || clock.now() - cached.at > SERVICES_CACHE_MS) {
        cached = { at: clock.now(), services: readServices(authority, passports, clock.now()) }
      }
      return cached.services
    },
    forget() {
      cached = undefined
    },
  }
}

async function readServices(authority: Authority, passports: PassportBucket, nowMs: number): Promise<PlatformServices> {
  const found = new Map<string, PlatformServices[number]>()
  for (const jws of await passports.all()) {
    const passport = await verifyPassport(jws, authority.issuerKey, authority.manifest, nowMs).catch(() => undefined)
    if (passport === undefined) continue
    const { role: name, measurement, platform } = passport
    const id = `${name} ${measurement} ${platform}`
    const service = found.get(id) ?? { name, members: 0, measurement, platform }
    found.set(id, { ...service, members: service.members + 1 })
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}
