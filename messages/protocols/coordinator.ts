/** What the coordinator may be asked: to prove the platform, and to admit members. */
import { z } from 'zod'
import { bytes } from '../bytes.ts'
import { protocol } from '../protocol.ts'

/** A group's public key for one epoch: used for sealing from `starts_at`, accepted until `ends_at` (ms since 1970). */
const groupKey = {
  group: z.string().max(64),
  epoch: z.int().min(1),
  public_key: bytes(32, 32),
  starts_at: z.int(),
  ends_at: z.int(),
}
export const publicGroupKey = z.strictObject(groupKey)
export const privateGroupKey = z.strictObject({ ...groupKey, private_key: bytes(32, 32) })
export type PublicGroupKey = z.infer<typeof publicGroupKey>
export type PrivateGroupKey = z.infer<typeof privateGroupKey>

/** Evidence of one platform: its type and its bytes, opaque to all but that platform's verifier. */
export const evidenceNote = z.strictObject({ platform: z.string().max(32), bytes: bytes(1, 64 * 1024) })
export type EvidenceNote = z.infer<typeof evidenceNote>

export const coordinator = protocol(
  'coordinator',
  'Appraises evidence against the manifest, issues passports, releases group keys',
  ['client'],
  {
    get_platform: {
      about: 'Proves the coordinator with fresh evidence over the nonce, and names the groups that clients may call',
      request: z.strictObject({ nonce: bytes(16, 64) }),
      reply: z.strictObject({
        evidence: evidenceNote,
        /** The raw key that signs passports; the evidence is over it and the nonce. */
        issuer_key: bytes(32, 32),
        manifest: z.string(),
        groups: z.array(publicGroupKey),
        services: z.array(
          z.strictObject({
            name: z.string(),
            members: z.int(),
            measurement: z.string(),
            platform: z.string(),
          }),
        ),
      }),
      refuses: [],
      plain: 'always',
    },
    enrol: {
      callers: ['client', 'member'],
      about: 'Admits a member whose evidence passes for its role: a passport, and the keys of its groups',
      request: z.strictObject({
        role: z.string().max(64),
        member: z.string().max(80),
        worker_class: z.string().max(32).optional(),
        nonce: bytes(16, 64),
        signing_key: bytes(32, 32),
        sealing_key: bytes(32, 32),
        evidence: evidenceNote,
      }),
      reply: z.strictObject({
        passport: z.string(),
        expires_at: z.int(),
        keys: z.array(privateGroupKey),
        directory: z.array(publicGroupKey),
        secrets: z.record(z.string(), bytes(32, 32)),
        /** The coordinator's evidence over the zero nonce; receipts carry it. */
        endorsement: evidenceNote,
        revoked: z.array(z.string()),
      }),
      refuses: ['platform_untrusted', 'revoked'],
    },
    get_nonce: {
      callers: ['client', 'member'],
      about: 'A nonce for evidence, good for one minute on every coordinator member',
      request: z.strictObject({}),
      reply: z.strictObject({ nonce: bytes(16, 64) }),
      refuses: [],
    },
    revoke_member: {
      callers: ['frontend'],
      about: 'Revokes a member: its passport ends, and the keys of its groups change',
      request: z.strictObject({ member: z.string().max(80) }),
      reply: z.strictObject({}),
      refuses: ['not_found'],
      // What cannot be undone is done on a signature that is in our hands.
      rootInside: true,
    },
  },
)
