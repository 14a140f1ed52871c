/** Golden evidence and passports: what a second implementation must verify, and the digests that name them. */
import { describe, expect, test } from 'vitest'
import {
  coordinatorReportData,
  issuePassport,
  importSigningKey,
  manifestDigest,
  memberReportData,
  parseManifest,
  passportDigest,
  verifyEvidence,
  verifyPassport,
} from '../../attestation/index.ts'
import { signSimulatedEvidence } from '../../attestation/trust/platforms/simulated/simulated_evidence.ts'
import type { PublicGroupKey } from '../../messages/index.ts'
import { defined } from '../../messages/index.ts'
import { fromHex, hex, readVectors } from './frame_vector.ts'
import * as second from './second_implementation.ts'
import { decode } from './second_msgpack.ts'

interface PassportVector {
  about: string
  issuer_secret: string
  issuer_key: string
  root_secret: string
  manifest: string
  at: number
  passport: {
    member: string
    role: string
    worker_class?: string
    platform: string
    measurement: string
    signing_key: string
    sealing_key: string
    issued: number
    expires: number
    id: string
  }
  nonce: string
  groups: { group: string; epoch: number; public_key: string; starts_at: number; ends_at: number }[]
  member_report_data: string
  coordinator_report_data: string
  evidence: string
  jws: string
  digest: string
}

describe.each(readVectors<PassportVector>('passports.json').map((vector) => [vector.about, vector] as const))(
  '%s',
  (_about, vector) => {
    const { passport } = vector
    const content = {
      member: passport.member,
      role: passport.role,
      ...defined({ workerClass: passport.worker_class }),
      platform: passport.platform,
      measurement: passport.measurement,
      signingKey: fromHex(passport.signing_key),
      sealingKey: fromHex(passport.sealing_key),
      issuedAtMs: passport.issued,
      expiresAtMs: passport.expires,
    }
    const manifest = parseManifest(vector.manifest)
    const groups: PublicGroupKey[] = vector.groups.map((key) => ({ ...key, public_key: fromHex(key.public_key) }))

    test('is issued by this project, character for character', async () => {
      const jws = await issuePassport(
        importSigningKey(fromHex(vector.issuer_secret)),
        content,
        manifestDigest(vector.manifest),
        passport.id,
      )
      expect(jws).toBe(vector.jws)
      expect(hex(passportDigest(jws))).toBe(vector.digest)
    })

    test('is verified by this project', async () => {
      expect(await verifyPassport(vector.jws, fromHex(vector.issuer_key), manifest, vector.at)).toEqual(content)
    })

    test('is verified by the second implementation', () => {
      const [header, payload, signature] = vector.jws.split('.') as [string, string, string]
      const key = second.publicKey('ed25519', fromHex(vector.issuer_key))
      expect(second.isSigned(key, Buffer.from(`${header}.${payload}`), Buffer.from(signature, 'base64url'))).toBe(true)
      expect(hex(second.sha256(vector.jws))).toBe(vector.digest)
      const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
      expect(claims).toMatchObject({
        iss: 'tacit.coordinator',
        sub: passport.member,
        iat: passport.issued / 1000,
        exp: passport.expires / 1000,
        eat_profile: 'tag:ietf.org,2026:rats/ear#04',
        cnf: { jwk: { kty: 'OKP', crv: 'Ed25519', x: fromHex(passport.signing_key).toString('base64url') } },
        tacit: { role: passport.role, sealing_key: fromHex(passport.sealing_key).toString('base64url') },
      })
    })

    test('rests on report data that both compute', () => {
      const { role, member, workerClass } = { workerClass: undefined, ...content }
      const ours = memberReportData({ ...content, role, member, workerClass, nonce: fromHex(vector.nonce) })
      expect(hex(ours)).toBe(vector.member_report_data)
      expect(
        hex(
          second.reportData('member', [
            Buffer.from(role),
            Buffer.from(member),
            Buffer.from(workerClass ?? ''),
            content.signingKey,
            content.sealingKey,
            fromHex(vector.nonce),
          ]),
        ),
      ).toBe(vector.member_report_data)

      const proof = coordinatorReportData({
        issuerKey: fromHex(vector.issuer_key),
        nonce: fromHex(vector.nonce),
        manifestDigest: manifestDigest(vector.manifest),
        statement: { groups, services: [] },
      })
      expect(hex(proof)).toBe(vector.coordinator_report_data)
      const told = `{"groups":[${vector.groups
        .map(
          (key) =>
            `{"ends_at":${key.ends_at},"epoch":${key.epoch},"group":"${key.group}",` +
            `"public_key":"${fromHex(key.public_key).toString('base64')}","starts_at":${key.starts_at}}`,
        )
        .join(',')}],"services":[]}`
      expect(
        hex(
          second.reportData('coordinator', [
            fromHex(vector.issuer_key),
            fromHex(vector.nonce),
            Buffer.from(hex(second.sha256(vector.manifest))),
            Buffer.from(hex(second.sha256(told))),
          ]),
        ),
      ).toBe(vector.coordinator_report_data)
    })

    test('rests on simulated evidence that both read', () => {
      const statement = {
        measurement: passport.measurement,
        reportData: fromHex(vector.member_report_data),
        issuedAtMs: passport.issued,
      }
      const made = signSimulatedEvidence(importSigningKey(fromHex(vector.root_secret)), statement)
      expect(hex(made)).toBe(vector.evidence)
      expect(verifyEvidence({ platform: 'simulated', bytes: made }, manifest.platforms)).toMatchObject(statement)

      const [text, signature] = decode(fromHex(vector.evidence)) as [Buffer, Buffer]
      const root = second.rawPublicKey(second.privateKey('ed25519', fromHex(vector.root_secret)))
      expect(second.isSigned(second.publicKey('ed25519', root), text, signature)).toBe(true)
      expect(JSON.parse(text.toString())).toEqual({
        type: 'tacit-simulated-evidence-v1',
        measurement: passport.measurement,
        report_data: vector.member_report_data,
        issued_at: passport.issued,
      })
    })
  },
)
