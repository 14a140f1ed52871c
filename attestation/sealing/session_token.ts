/**
 * Session tokens: how authentication signs them, and how whoever is handed one verifies it. A token belongs to the key
 * of the client that logged in, or says that it came from a plain login; nobody else may use it. This file keeps no
 * sessions and asks nobody: keys and revocations are handed in.
 */
import { calculateJwkThumbprint, importJWK, jwtVerify, SignJWT } from 'jose'
import type { CryptoKey, JWK } from 'jose'
import { z } from 'zod'
import type { Role } from '../../messages/index.ts'
import { attribute, defined, Refusal, role, userId } from '../../messages/index.ts'

const ISSUER = 'tacit.authentication'
/** Keeps a session token from being taken for any other token, should a key ever sign two kinds. */
const TYPE = 'tacit-session+jwt'
const ALGORITHM = 'EdDSA'
const TOKEN_CHARS_MAX = 4096

/** No session lives longer, whatever a deployment sets; a revocation is remembered this long. */
export const SESSION_MS_MAX = 24 * 3_600_000

/** What a token says about its session. */
export interface SessionClaims {
  user_id: string
  role: Role
  attribute: string | null
  /** The session generation of the user when the token was made. */
  gen: number
  jti: string
  plain: boolean
  /** Hex SHA-256 of the Ed25519 key that the token is bound to; absent in a plain one. */
  client_key?: string
  /** Ms since 1970. */
  expires_at: number
}

/** Whoever hands a token in: a client, by the thumbprint of the key that signed its letter, or a plain request. */
export interface Presenter {
  id: string
  plain: boolean
}

/** Verification keys by their `kid`. */
export type SessionKeys = ReadonlyMap<string, CryptoKey>

export interface SessionCircumstances {
  nowMs: number
  presenter: Presenter
  /** The present generation of each user whose sessions were ended; tokens of a lower one are refused. */
  generations: ReadonlyMap<string, number>
  /** The `jti` of sessions that ended singly. */
  endedSessions: ReadonlySet<string>
}

/** A signing key as it is stored and as it signs. */
export interface SessionSigner {
  kid: string
  key: CryptoKey
  /** What verifiers need. */
  publicKey: JWK
}

/** @param privateKey an Ed25519 key as a private JWK */
export async function importSessionSigner(privateKey: JWK): Promise<SessionSigner> {
  const { kty, crv, x } = privateKey as { kty: string; crv: string; x: string } // an OKP key always has the three
  const kid = await calculateJwkThumbprint({ kty, crv, x })
  const key = (await importJWK(privateKey, ALGORITHM)) as CryptoKey // bytes come back for symmetric keys only
  return { kid, key, publicKey: { kty, crv, x, kid, alg: ALGORITHM, use: 'sig' } }
}

/** The Ed25519 keys among `jwks`, by `kid`; a key of another kind is left out, so it verifies nothing. */
export async function importSessionKeys(jwks: readonly JWK[]): Promise<SessionKeys> {
  const keys = new Map<string, CryptoKey>()
  for (const { kty, crv, x, kid } of jwks) {
    if (kty !== 'OKP' || crv !== 'Ed25519' || x === undefined || kid === undefined) continue
    keys.set(kid, (await importJWK({ kty, crv, x }, ALGORITHM)) as CryptoKey)
  }
  return keys
}

export async function signSessionToken(claims: SessionClaims, nowMs: number, signer: SessionSigner): Promise<string> {
  return new SignJWT({
    role: claims.role,
    attribute: claims.attribute,
    gen: claims.gen,
    ...(claims.client_key === undefined ? { plain: true } : { cnf: { tacit_key: claims.client_key } }),
  })
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: signer.kid })
    .setIssuer(ISSUER)
    .setSubject(claims.user_id)
    .setIssuedAt(Math.floor(nowMs / 1000))
    .setExpirationTime(Math.floor(claims.expires_at / 1000))
    .setJti(claims.jti)
    .sign(signer.key)
}

const binding = z.union([
  z.object({ cnf: z.strictObject({ tacit_key: z.string().regex(/^[0-9a-f]{64}$/) }), plain: z.undefined().optional() }),
  z.object({ plain: z.literal(true), cnf: z.undefined().optional() }),
])
const payload = z.object({
  sub: userId,
  role,
  attribute: attribute.nullable(),
  gen: z.int().min(0),
  jti: z.string().min(1).max(64),
  exp: z.int(),
})

/** Verified tokens by their text, so that a signature is checked once. When full, it forgets the one unused longest. */
export class SessionCache {
  readonly #entries = new Map<string, { kid: string; claims: SessionClaims }>()
  readonly #entriesMax: number

  constructor(entriesMax = 10_000) {
    this.#entriesMax = entriesMax
  }

  get size(): number {
    return this.#entries.size
  }

  /** The claims of a token that has not expired and was verified under a key that is still among `keys`. */
  get(token: string, keys: SessionKeys, nowMs: number): SessionClaims | undefined {
    const entry = this.#entries.get(token)
    if (entry === undefined) return undefined
    this.#entries.delete(token)
    if (!keys.has(entry.kid) || entry.claims.expires_at <= nowMs) return undefined
    this.#entries.set(token, entry) // the order of insertion is the order of use
    return entry.claims
  }

  set(token: string, kid: string, claims: SessionClaims): void {
    this.#entries.set(token, { kid, claims })
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#entriesMax) return
      this.#entries.delete(oldest)
    }
  }
}

/**
 * Verifies a token and appraises its session. Whatever is wrong, the answer is the same; the reason is its `cause`,
 * for the local log.
 * @throws Refusal `unauthenticated`
 */
export async function verifySessionToken(
  token: string | undefined,
  keys: SessionKeys,
  circumstances: SessionCircumstances,
  cache?: SessionCache,
): Promise<SessionClaims> {
  if (token === undefined) {
    throw new Refusal('unauthenticated', 'the request carries no session token', {
      hint: 'log in; a plain request carries its token as "Authorization: Bearer <token>"',
    })
  }
  if (token.length > TOKEN_CHARS_MAX) throw refused('the token is too long')
  const claims =
    cache?.get(token, keys, circumstances.nowMs) ?? (await verifySignature(token, keys, circumstances.nowMs, cache))
  appraiseSession(claims, circumstances)
  return claims
}

async function verifySignature(token: string, keys: SessionKeys, nowMs: number, cache?: SessionCache) {
  // The algorithm is ours, not the header's: "none" and symmetric algorithms are never considered.
  const verified = await jwtVerify(token, ({ kid }) => keyOf(keys, kid), {
    algorithms: [ALGORITHM],
    typ: TYPE,
    issuer: ISSUER,
    currentDate: new Date(nowMs),
  }).catch((cause: unknown) => {
    throw refused(cause)
  })
  const claims = payload.safeParse(verified.payload)
  const bound = binding.safeParse(verified.payload)
  if (!claims.success || !bound.success) throw refused(claims.error ?? bound.error)
  const { sub, role, attribute, gen, jti, exp } = claims.data
  const session: SessionClaims = {
    user_id: sub,
    role,
    attribute,
    gen,
    jti,
    plain: bound.data.plain === true,
    ...defined({ client_key: bound.data.cnf?.tacit_key }),
    expires_at: exp * 1000,
  }
  cache?.set(token, verified.protectedHeader.kid!, session) // `keyOf` found a key under it
  return session
}

function keyOf(keys: SessionKeys, kid: string | undefined): CryptoKey {
  const key = kid === undefined ? undefined : keys.get(kid)
  if (key === undefined) throw refused(`no session key is known as ${kid}`)
  return key
}

/** Refuses a session that is over, or a token that was given to somebody else. */
function appraiseSession(
  claims: SessionClaims,
  { nowMs, presenter, generations, endedSessions }: SessionCircumstances,
): void {
  if (claims.expires_at <= nowMs) throw refused('the token has expired')
  if (claims.plain !== presenter.plain) throw refused('a plain token and a sealed letter, or the reverse')
  if (!claims.plain && claims.client_key !== presenter.id) throw refused("the token is bound to another client's key")
  if (claims.gen < (generations.get(claims.user_id) ?? 0)) throw refused("the user's sessions were ended")
  if (endedSessions.has(claims.jti)) throw refused('the session was ended')
}

function refused(cause: unknown): Refusal {
  return new Refusal('unauthenticated', 'the session token is not valid here', { hint: 'log in again', cause })
}
