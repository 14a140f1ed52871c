/**
 * Sessions: tokens are signed by one key that all members share, kept sealed in storage so that tokens survive a
 * restart. Each token is compared with the user's record as it is now, so here a revocation has no delay at all.
 */
import { randomBytes } from 'node:crypto'
import type { Presenter, SessionClaims, SessionKeys, SessionSigner } from '../../attestation/index.ts'
import {
  exportSecret,
  generateSigningKey,
  importSessionKeys,
  importSessionSigner,
  SessionCache,
  signingJwk,
  signSessionToken,
  toBase64url,
  verifySessionToken,
} from '../../attestation/index.ts'
import { assert, Refusal } from '../../messages/index.ts'
import type { Clock } from '../../runtime/index.ts'
import { sessionKeys } from './user_records.ts'
import type { UserRecord } from './user_records.ts'
import type { Account, StorageClient } from './record_store.ts'
import { put, readAccount, readSlots, tryCommit } from './record_store.ts'

/** A token that verifies, beside the records of its user. */
export interface PresentedSession {
  claims: SessionClaims
  account: Account
  /** Absent once the session is over. */
  user?: UserRecord
}

// The user's record itself is read here, so the verifier needs no list of revocations.
const NONE: ReadonlyMap<string, number> = new Map()
const NOT_ENDED: ReadonlySet<string> = new Set()

interface SessionParts {
  store: StorageClient
  clock: Clock
  signer: SessionSigner
  keys: SessionKeys
  /** How long a session lives. */
  lengthMs: number
}

export class Sessions {
  readonly #parts: SessionParts
  readonly #cache = new SessionCache()

  private constructor(parts: SessionParts) {
    this.#parts = parts
  }

  /** Finds the shared signing key, or makes it if this is the first member of all. */
  static async open(store: StorageClient, clock: Clock, lengthMs: number): Promise<Sessions> {
    const signer = await importSessionSigner(await findSigningKey(store, clock.now()))
    return new Sessions({ store, clock, signer, keys: await importSessionKeys([signer.publicKey]), lengthMs })
  }

  /** Public JWKs of the keys that sign. */
  get publicKeys(): Record<string, unknown>[] {
    return [{ ...this.#parts.signer.publicKey }]
  }

  /** A new session, for the key that signed the letter, or plain for a plain request. */
  async issue(user: UserRecord, presenter: Presenter): Promise<{ token: string; expires_at: number }> {
    const nowMs = this.#parts.clock.now()
    // A token says whole seconds: rounded down, it never outlives what we answer.
    const expiresAt = Math.floor((nowMs + this.#parts.lengthMs) / 1000) * 1000
    const claims: SessionClaims = {
      user_id: user.id,
      role: user.role,
      attribute: user.attribute,
      gen: user.generation,
      jti: randomBytes(16).toString('base64url'),
      plain: presenter.plain,
      ...(presenter.plain ? {} : { client_key: presenter.id }),
      expires_at: expiresAt,
    }
    return { token: await signSessionToken(claims, nowMs, this.#parts.signer), expires_at: expiresAt }
  }

  /**
   * Verifies a token (signature, time, binding) and reads the user's records; the session may be over all the same.
   * @throws Refusal `unauthenticated`
   */
  async present(token: string | undefined, presenter: Presenter): Promise<PresentedSession> {
    const circumstances = { nowMs: this.#parts.clock.now(), presenter, generations: NONE, endedSessions: NOT_ENDED }
    const claims = await verifySessionToken(token, this.#parts.keys, circumstances, this.#cache)
    const account = await readAccount(this.#parts.store, claims.user_id)
    const ended = account.revocation.value?.ended.some(({ jti }) => jti === claims.jti) ?? false
    const user = account.user.value
    return { claims, account, ...(user === undefined || user.generation !== claims.gen || ended ? {} : { user }) }
  }
}

/** The user of a session; refuses one that is over. */
export function requireUser({ user }: PresentedSession): UserRecord {
  if (user === undefined) throw sessionOver()
  return user
}

export function sessionOver(): Refusal {
  return new Refusal('unauthenticated', 'the session is over', { hint: 'log in again' })
}

/** True when it was this request that ended the session it came with: a second delivery of one that succeeded. */
export function isOwnEnd({ user, account }: PresentedSession, requestId: string): boolean {
  return user === undefined && account.revocation.value?.request_id === requestId
}

async function findSigningKey(store: StorageClient, nowMs: number): Promise<Record<string, string>> {
  const [slot] = await readSlots(store, '', [sessionKeys])
  if (slot.value !== undefined) return slot.value.private_key
  const key = generateSigningKey()
  const made = {
    private_key: { ...signingJwk(key.publicKey), d: toBase64url(exportSecret(key)) },
    created_at: nowMs,
  }
  if (await tryCommit(store, [put(slot, made)])) return made.private_key
  // Another member was faster, or the answer to our own commit was lost: either way the stored key is the one.
  const [stored] = await readSlots(store, '', [sessionKeys])
  assert(stored.value !== undefined, 'a key that exists is never deleted')
  return stored.value.private_key
}
