/**
 * A coordinator's authority over a register, passports and a clock that a test holds, with a manifest of four roles or
 * more.
 */
import { expect } from 'vitest'
import { Authority } from '../../../actors/coordinator/index.ts'
import type { AuthorityOptions } from '../../../actors/coordinator/index.ts'
import type { KeyPair, MemberKeys } from '../../../attestation/index.ts'
import {
  createSimulatedDevice,
  generateKeys,
  generateSigningKey,
  memberReportData,
  toBase64url,
} from '../../../attestation/index.ts'
import type { PassportBucket } from '../../../runtime/index.ts'
import { ManualClock, MemoryRegister } from '../../../runtime/index.ts'
import type { EvidenceDevice } from '../../../attestation/index.ts'

export const MINUTE = 60_000
export const PASSPORT_MS = 10 * MINUTE
const times = { epochMs: 60 * MINUTE, overlapMs: 20 * MINUTE, postMs: 7 * 24 * 60 * MINUTE, leadMs: PASSPORT_MS }
export const measurementOf = (role: string) => Buffer.from(role).toString('hex').padEnd(64, '0')

/** Passports in a map: what the bucket of the broker holds, and may be made to hold. */
export function memoryBucket(): PassportBucket & { entries: Map<string, string> } {
  const entries = new Map<string, string>()
  return {
    entries,
    byDigest: (digest) => Promise.resolve(entries.get(`digest.${digest}`)),
    byMember: (member) => Promise.resolve(entries.get(`member.${member}`)),
    put(member, digest, jws) {
      entries.set(`digest.${digest}`, jws).set(`member.${member}`, jws)
      return Promise.resolve()
    },
    all: () => Promise.resolve([...entries].filter(([key]) => key.startsWith('member.')).map(([, jws]) => jws)),
  }
}

export class AuthorityScene {
  readonly root: KeyPair = generateSigningKey()
  readonly clock = new ManualClock()
  readonly register = new MemoryRegister()
  readonly passports = memoryBucket()
  manifestText = this.manifestNamed('one')

  manifestNamed(name: string, more: readonly string[] = []): string {
    const reference = (role: string, classes: object = {}) => [
      { platform: 'simulated', measurement: measurementOf(role), ...classes },
    ]
    return JSON.stringify({
      apiVersion: 'v1',
      name,
      platforms: { simulated: { root: toBase64url(this.root.publicKey) } },
      roles: {
        coordinator: reference('coordinator'),
        desk: reference('desk'),
        storage: reference('storage'),
        ...Object.fromEntries(more.map((role) => [role, reference(role)])),
        execution: reference('execution', { classes: ['standard'] }),
      },
    })
  }
  deviceOf(role: string, key = this.root, measurement = measurementOf(role)): EvidenceDevice {
    return createSimulatedDevice(key, role, measurement, () => this.clock.now())
  }

  async open(more: Partial<AuthorityOptions> = {}): Promise<Authority> {
    const device = this.deviceOf('coordinator')
    return Authority.open({
      register: this.register,
      passports: this.passports,
      sealingKey: await device.sealingKey(),
      manifestText: this.manifestText,
      attest: (reportData) => device.attest(reportData),
      clock: this.clock,
      passportMs: PASSPORT_MS,
      times,
      ...more,
    })
  }

  /** Has a member admitted, with evidence as its device gives it. */
  async admit(
    authority: Authority,
    role: string,
    more: {
      member?: string
      workerClass?: string
      nonce?: Uint8Array
      keys?: MemberKeys
      device?: EvidenceDevice
    } = {},
  ) {
    const keys = more.keys ?? generateKeys()
    const applicant = {
      role,
      member: more.member ?? `${role}-1`,
      workerClass: more.workerClass,
      signingKey: keys.signingKey.publicKey,
      sealingKey: keys.sealingKey.publicKey,
      nonce: more.nonce ?? authority.makeNonce(),
    }
    const evidence = await (more.device ?? this.deviceOf(role)).attest(memberReportData(applicant))
    return { applicant: { ...applicant, evidence }, admission: await authority.admit({ ...applicant, evidence }) }
  }
}

export const refused = (code: string, text = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(text) })
export const latestOf = (authority: Authority, group: string) =>
  authority
    .directory()
    .filter((key) => key.group === group)
    .at(-1)!
