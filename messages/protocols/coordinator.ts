/** What the coordinator may be asked: to prove the platform, and to admit members. */
import { z } from 'zod'
import { bytes } from '../bytes.ts'
import { protocol } from '../protocol.ts'

/** A group's public key for one epoch. */
const groupKey = {
  group: z.string().max(64).describe('The service, or the class of workers.'),
  epoch: z.int().min(1).describe('Counts the keys of the group.'),
  public_key: bytes(32, 32).describe('The raw X25519 key.'),
  starts_at: z.int().describe('Sealed to from this moment, ms since 1970.'),
  ends_at: z.int().describe('Accepted until this moment, ms since 1970.'),
}
export const publicGroupKey = z.strictObject(groupKey)
export const privateGroupKey = z.strictObject({
  ...groupKey,
  private_key: bytes(32, 32).describe('The raw X25519 key that opens.'),
})
export type PublicGroupKey = z.infer<typeof publicGroupKey>
export type PrivateGroupKey = z.infer<typeof privateGroupKey>

const nonce = bytes(16, 64).describe('Random bytes, good for one use.')

/** Evidence of one platform: its type and its bytes, opaque to all but that platform's verifier. */
export const evidenceNote = z.strictObject({
  platform: z.string().max(32).describe('The kind of platform.'),
  bytes: bytes(1, 64 * 1024).describe('What it says, opaque to all but its verifier.'),
})
export type EvidenceNote = z.infer<typeof evidenceNote>

export const coordinator = protocol(
  'coordinator',
  'Appraises evidence against the manifest, issues passports, releases group keys',
  ['client'],
  {
    get_platform: {
      about: 'Proves the coordinator with fresh evidence over the nonce, and names the groups that clients may call',
      request: z.strictObject({
        nonce: nonce.describe('Fresh random bytes of your own: the evidence must be over them.'),
      }),
      reply: z.strictObject({
        evidence: evidenceNote.describe(
          'Of the coordinator, over the nonce, its key, the manifest, and all that is told here.',
        ),
        issuer_key: bytes(32, 32).describe('The raw Ed25519 key that signs passports.'),
        manifest: z
          .string()
          .describe('Which measurements may play which role, as JSON text: compare it with the one you pinned.'),
        groups: z.array(publicGroupKey).describe('The keys to seal to.'),
        services: z
          .array(
            z.strictObject({
              name: z.string().describe('The service.'),
              members: z.int().describe('How many of it are admitted.'),
              measurement: z.string().describe('What was attested of its code, hex.'),
              platform: z.string().describe('The platform that attested it.'),
            }),
          )
          .describe('Who is admitted.'),
      }),
      refuses: [],
      plain: 'always',
    },
    enrol: {
      callers: ['client', 'member'],
      about: 'Admits a member whose evidence passes for its role: a passport, and the keys of its groups',
      request: z.strictObject({
        role: z.string().max(64).describe('The service that it would be a member of.'),
        member: z.string().max(80).describe('The id that it gave itself.'),
        worker_class: z.string().max(32).optional().describe('Of a worker: its class.'),
        nonce: nonce.describe('The nonce of `get_nonce` that the evidence is over.'),
        signing_key: bytes(32, 32).describe('Its raw Ed25519 key.'),
        sealing_key: bytes(32, 32).describe('Its raw X25519 key.'),
        evidence: evidenceNote.describe('Over all of the above.'),
      }),
      reply: z.strictObject({
        passport: z.string().describe('The EAR token that it proves itself by from now on.'),
        expires_at: z.int().describe('When the passport ends: ms since 1970.'),
        keys: z.array(privateGroupKey).describe('The keys of its groups.'),
        directory: z.array(publicGroupKey).describe('The keys of all groups, to seal to.'),
        secrets: z.record(z.string(), bytes(32, 32)).describe('What its role is due besides, by name.'),
        endorsement: evidenceNote.describe("The coordinator's evidence over the zero nonce; receipts carry it."),
        revoked: z.array(z.string()).describe('Members that are not to be heard any more.'),
      }),
      refuses: ['platform_untrusted', 'revoked'],
    },
    get_nonce: {
      callers: ['client', 'member'],
      about: 'A nonce for evidence, good for one minute on every coordinator member',
      request: z.strictObject({}),
      reply: z.strictObject({ nonce }),
      refuses: [],
    },
    revoke_member: {
      callers: ['frontend'],
      about: 'Revokes a member: its passport ends, and the keys of its groups change',
      request: z.strictObject({ member: z.string().max(80).describe('Its id.') }),
      reply: z.strictObject({}),
      refuses: ['not_found'],
      // What cannot be undone is done on a signature that is in our hands.
      signatureInside: true,
    },
  },
)
