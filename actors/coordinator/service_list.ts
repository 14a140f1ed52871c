/** Who holds a live passport, by service and measurement. Read at most once a second, since clients may ask at will. */
import { verifyPassport } from '../../attestation/index.ts'
import type { Clock, PassportBucket } from '../../runtime/index.ts'
import type { Authority } from './authority.ts'

const KEPT_MS = 1_000

export interface ServiceList {
  list(): Promise<PlatformServices>
  /** Called when this coordinator has admitted somebody: the next answer has them too. */
  forget(): void
}

type PlatformServices = { name: string; members: number; measurement: string; platform: string }[]

export function listServices(authority: Authority, passports: PassportBucket, clock: Clock): ServiceList {
  let cached: { at: number; services: Promise<PlatformServices> } | undefined
  return {
    list() {
      if (cached === undefined || clock.now() - cached.at > KEPT_MS) {
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
