/**
 * What authentication keeps in storage, under which keys. All that outlives a message is here; the forms are checked
 * when they are read, so that a record of another version is a defect and never a user with missing rights.
 */
import { z } from 'zod'
import { SESSION_MS_MAX } from '../../attestation/index.ts'
import { attribute, bytes, pack, role, unpack, userId } from '../../messages/index.ts'

/** A scrypt hash with all that is needed to compute it again. */
export const passwordHash = z.strictObject({
  N: z.int(),
  r: z.int(),
  p: z.int(),
  salt: bytes(16, 16),
  hash: bytes(32, 32),
})
export type PasswordHash = z.infer<typeof passwordHash>

const userRecord = z.strictObject({
  id: userId,
  role,
  attribute: attribute.nullable(),
  scrypt: passwordHash,
  /** Tokens of a lower generation are void. */
  generation: z.int(),
  created_at: z.int(),
  /** The request that registered the user: a second delivery of it is answered like the first. */
  request_id: z.string(),
})
export type UserRecord = z.infer<typeof userRecord>

/**
 * Sessions of one user that ended before their time. The record outlives the user, so that a deleted user's tokens die
 * too.
 */
const revocationRecord = z.strictObject({
  generation: z.int(),
  ended: z.array(z.strictObject({ jti: z.string(), until: z.int() })),
  /** Moment (ms since 1970) from which no token can be alive that this record refuses. */
  until: z.int(),
  /** The request that last raised the generation: a second delivery of it is answered like the first. */
  request_id: z.string(),
})
export type RevocationRecord = z.infer<typeof revocationRecord>

/** What remains of a deleted user, for good: ownership is by id, so the id is never given to another. */
const formerUserRecord = z.strictObject({ deleted_at: z.int() })
export type FormerUserRecord = z.infer<typeof formerUserRecord>

/** Failed logins of one id, whether or not it is a user's. */
const failuresRecord = z.strictObject({
  count: z.int(),
  locked_until: z.int(),
  /** Moment from which the failures count no more. */
  until: z.int(),
})
export type FailuresRecord = z.infer<typeof failuresRecord>

/**
 * Every admin's id. It is replaced whenever there is one more or one less, so two deletions cannot both be of the last
 * but one.
 */
const adminsRecord = z.strictObject({ ids: z.array(userId).max(1000) })
const sessionKeyRecord = z.strictObject({ private_key: z.record(z.string(), z.string()), created_at: z.int() })
/** The first admin's password, from its choice until the user is committed. */
const firstAdminRecord = z.strictObject({ password: z.string() })

/** A kind of record: its form, and its key, which is a prefix and the id. */
export interface RecordKind<T> {
  key: (id: string) => string
  schema: z.ZodType<T>
}

export const users: RecordKind<UserRecord> = { key: (id) => `user/${id}`, schema: userRecord }
export const formerUsers: RecordKind<FormerUserRecord> = { key: (id) => `former_user/${id}`, schema: formerUserRecord }
export const revocations: RecordKind<RevocationRecord> = { key: (id) => `generation/${id}`, schema: revocationRecord }
export const failures: RecordKind<FailuresRecord> = { key: (id) => `login_failures/${id}`, schema: failuresRecord }
export const admins: RecordKind<z.infer<typeof adminsRecord>> = { key: () => 'admins', schema: adminsRecord }
export const sessionKeys: RecordKind<z.infer<typeof sessionKeyRecord>> = {
  key: () => 'session_key/current',
  schema: sessionKeyRecord,
}
export const firstAdmins: RecordKind<z.infer<typeof firstAdminRecord>> = {
  key: () => 'first_admin',
  schema: firstAdminRecord,
}

const RECORD_BYTES_MAX = 128 * 1024
const ENDED_SESSIONS_MAX = 16

export function parseRecord<T>(kind: RecordKind<T>, value: Uint8Array): T {
  return kind.schema.parse(unpack(value, RECORD_BYTES_MAX))
}

export function packRecord<T>(value: T): Uint8Array {
  return pack(value)
}

/** The revocation that voids every token of a user, and the generation that the user's record takes with it. */
export function endAllSessions(
  user: UserRecord,
  before: RevocationRecord | undefined,
  nowMs: number,
  requestId: string,
): RevocationRecord {
  const generation = Math.max(user.generation, before?.generation ?? 0) + 1
  return { generation, ended: [], until: nowMs + SESSION_MS_MAX, request_id: requestId }
}

/** The revocation with one more session ended, or undefined when it holds too many and all must be ended instead. */
export function endOneSession(
  user: UserRecord,
  before: RevocationRecord | undefined,
  session: { jti: string; until: number },
  nowMs: number,
): RevocationRecord | undefined {
  const ended = (before?.ended ?? []).filter(({ until }) => until > nowMs)
  if (ended.length >= ENDED_SESSIONS_MAX) return undefined
  return {
    generation: before?.generation ?? user.generation,
    ended: [...ended, session],
    until: Math.max(before?.until ?? 0, session.until),
    request_id: before?.request_id ?? '',
  }
}
