import { createHmac } from 'node:crypto'
import { SignJWT, UnsecuredJWT } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import type { SessionCircumstances, SessionClaims, SessionKeys, SessionSigner } from '../../../attestation/index.ts'
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
} from '../../../attestation/index.ts'
import { Refusal } from '../../../messages/index.ts'

const NOW = 1_800_000_000_000
const KEY = 'a'.repeat(64)
const sealed: SessionClaims = {
  user_id: 'ann',
  role: 'DataOwner',
  attribute: 'clinic',
  gen: 3,
  jti: 'session-1',
  plain: false,
  client_key: KEY,
  expires_at: NOW + 60_000,
}
const { client_key: _, ...unbound } = sealed
const plain: SessionClaims = { ...unbound, plain: true }

let signer: SessionSigner
let stranger: SessionSigner
let keys: SessionKeys

function makeSigner(): Promise<SessionSigner> {
  const key = generateSigningKey()
  return importSessionSigner({ ...signingJwk(key.publicKey), d: toBase64url(exportSecret(key)) })
}

beforeAll(async () => {
  signer = await makeSigner()
  stranger = await makeSigner()
  keys = await importSessionKeys([signer.publicKey])
})

function when(change: Partial<SessionCircumstances> = {}): SessionCircumstances {
  const presenter = { id: KEY, plain: false }
  return { nowMs: NOW, presenter, generations: new Map(), endedSessions: new Set(), ...change }
}

async function refusalOf(token: string | undefined, circumstances = when(), cache?: SessionCache): Promise<Refusal> {
  try {
    await verifySessionToken(token, keys, circumstances, cache)
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
  throw new Error('the token was expected to be refused')
}

/** A token whose header and claims are those of a good one, but for the changes. */
function forge(header: object = {}, claims: Record<string, unknown> = {}, by = signer): Promise<string> {
  const body = {
    iss: 'tacit.authentication',
    sub: 'ann',
    role: 'DataOwner',
    attribute: 'clinic',
    gen: 3,
    jti: 'session-1',
    exp: NOW / 1000 + 60,
    cnf: { tacit_key: KEY },
    ...claims,
  }
  return new SignJWT(body)
    .setProtectedHeader({ alg: 'EdDSA', typ: 'tacit-session+jwt', kid: signer.kid, ...header })
    .sign(by.key)
}

describe('a session token', () => {
  it('comes back as what was signed, sealed and plain', async () => {
    expect(await verifySessionToken(await signSessionToken(sealed, NOW, signer), keys, when())).toEqual(sealed)
    const plainToken = await signSessionToken(plain, NOW, signer)
    const asPlain = when({ presenter: { id: 'plain', plain: true } })
    expect(await verifySessionToken(plainToken, keys, asPlain)).toEqual(plain)
  })

  it('is accepted where nothing is changed by the forge of these tests', async () => {
    expect(await verifySessionToken(await forge(), keys, when())).toEqual(sealed)
  })

  it("is refused from another client's key", async () => {
    const token = await signSessionToken(sealed, NOW, signer)
    expect((await refusalOf(token, when({ presenter: { id: 'b'.repeat(64), plain: false } }))).code).toBe(
      'unauthenticated',
    )
  })

  it('of a sealed login is refused on a plain request, even one that names the key', async () => {
    const token = await signSessionToken(sealed, NOW, signer)
    for (const id of ['plain', KEY]) {
      expect((await refusalOf(token, when({ presenter: { id, plain: true } }))).code).toBe('unauthenticated')
    }
  })

  it('of a plain login is refused on a sealed request', async () => {
    const token = await signSessionToken(plain, NOW, signer)
    expect((await refusalOf(token)).code).toBe('unauthenticated')
  })

  it('is refused from the moment it expires', async () => {
    const token = await signSessionToken(sealed, NOW, signer)
    await verifySessionToken(token, keys, when({ nowMs: sealed.expires_at - 1 }))
    await refusalOf(token, when({ nowMs: sealed.expires_at }))
  })

  it('is refused when the generation of its user is higher, and when the session ended', async () => {
    const token = await signSessionToken(sealed, NOW, signer)
    await verifySessionToken(token, keys, when({ generations: new Map([['ann', 3]]) }))
    await verifySessionToken(token, keys, when({ generations: new Map([['bob', 4]]) }))
    await refusalOf(token, when({ generations: new Map([['ann', 4]]) }))
    await refusalOf(token, when({ endedSessions: new Set(['session-1']) }))
  })

  it('is refused when any of its characters is another', async () => {
    const token = await signSessionToken(sealed, NOW, signer)
    const lastOfSignature = token.length - 1 // its lowest bits are no part of the 64 bytes
    for (let at = 0; at < lastOfSignature; at += 1) {
      const other = token[at] === 'A' ? 'B' : 'A'
      await refusalOf(token.slice(0, at) + other + token.slice(at + 1))
    }
  })

  it('is refused when it is cut short, extended, empty, too long or no token at all', async () => {
    const token = await signSessionToken(sealed, NOW, signer)
    const broken = [token.slice(0, -10), `${token}AAAA`, `${token}.x`, '', '.', '..', 'x'.repeat(5000), '{}']
    for (const text of broken) await refusalOf(text)
  })

  it('with the algorithm "none", or a MAC by the public key, is refused', async () => {
    const claims = { sub: 'ann', role: 'DataOwner', attribute: null, gen: 3, jti: 'x', cnf: { tacit_key: KEY } }
    const none = new UnsecuredJWT(claims)
      .setIssuer('tacit.authentication')
      .setExpirationTime(NOW / 1000 + 60)
      .encode()
    await refusalOf(none)
    const [, body] = (await forge()).split('.')
    const header = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'tacit-session+jwt', kid: signer.kid })).toString(
      'base64url',
    )
    const secret = Buffer.from(signer.publicKey.x!, 'base64url')
    const mac = createHmac('sha256', secret).update(`${header}.${body}`).digest('base64url')
    await refusalOf(`${header}.${body}.${mac}`)
  })

  it('of another signer, kind, issuer or key id is refused', async () => {
    await refusalOf(await forge({}, {}, stranger))
    await refusalOf(await forge({ kid: stranger.kid }, {}, stranger))
    await refusalOf(await forge({ kid: undefined }))
    await refusalOf(await forge({ typ: 'eat+jwt' }))
    await refusalOf(await forge({ typ: undefined }))
    await refusalOf(await forge({}, { iss: 'tacit.coordinator' }))
    await refusalOf(await forge({}, { iss: undefined }))
  })

  it('without one of its claims, or with one of another form, is refused', async () => {
    for (const claim of ['sub', 'role', 'attribute', 'gen', 'jti', 'exp', 'cnf']) {
      await refusalOf(await forge({}, { [claim]: undefined }))
    }
    await refusalOf(await forge({}, { role: 'Root' }))
    await refusalOf(await forge({}, { gen: -1 }))
    await refusalOf(await forge({}, { cnf: { tacit_key: 'short' } }))
    await refusalOf(await forge({}, { plain: true }))
    await refusalOf(await forge({}, { cnf: undefined, plain: false }))
  })

  it('is refused alike whatever is wrong with it, and says why in its cause alone', async () => {
    const token = await signSessionToken(sealed, NOW, signer)
    const refusals = [
      await refusalOf(`${token}x`),
      await refusalOf(await forge({}, {}, stranger)),
      await refusalOf(token, when({ presenter: { id: 'b'.repeat(64), plain: false } })),
      await refusalOf(token, when({ nowMs: sealed.expires_at })),
    ]
    expect(new Set(refusals.map((refusal) => JSON.stringify(refusal.toNote()))).size).toBe(1)
    expect(refusals.every(({ cause }) => cause !== undefined)).toBe(true)
  })

  it('that is missing is refused with a hint to log in', async () => {
    expect(await refusalOf(undefined)).toMatchObject({
      code: 'unauthenticated',
      hint: expect.stringContaining('log in'),
    })
  })
})

describe('the cache of verified tokens', () => {
  it('appraises a known token anew each time', async () => {
    const cache = new SessionCache()
    const token = await signSessionToken(sealed, NOW, signer)
    await verifySessionToken(token, keys, when(), cache)
    expect(cache.size).toBe(1)
    expect(await verifySessionToken(token, keys, when(), cache)).toEqual(sealed)
    await refusalOf(token, when({ presenter: { id: 'b'.repeat(64), plain: false } }), cache)
    await refusalOf(token, when({ generations: new Map([['ann', 4]]) }), cache)
    await refusalOf(token, when({ endedSessions: new Set(['session-1']) }), cache)
    await refusalOf(token, when({ nowMs: sealed.expires_at }), cache)
    expect(cache.size).toBe(0)
  })

  it('keeps nothing that did not verify', async () => {
    const cache = new SessionCache()
    await refusalOf(await forge({}, {}, stranger), when(), cache)
    expect(cache.size).toBe(0)
  })

  it('forgets a token whose key is no longer among the keys', async () => {
    const cache = new SessionCache()
    const token = await signSessionToken(sealed, NOW, signer)
    await verifySessionToken(token, keys, when(), cache)
    await expect(verifySessionToken(token, new Map(), when(), cache)).rejects.toThrow('not valid here')
  })

  it('is bounded, and forgets the token that was unused longest', async () => {
    const cache = new SessionCache(2)
    const claims = { ...sealed, expires_at: NOW + 1000 }
    cache.set('one', signer.kid, claims)
    cache.set('two', signer.kid, claims)
    expect(cache.get('one', keys, NOW)).toEqual(claims)
    cache.set('three', signer.kid, claims)
    expect(cache.size).toBe(2)
    expect(cache.get('two', keys, NOW)).toBeUndefined()
    expect(cache.get('one', keys, NOW)).toEqual(claims)
  })

  it('costs one signature check for each token', async () => {
    const cache = new SessionCache()
    const token = await signSessionToken(sealed, NOW, signer)
    const first = await verifySessionToken(token, keys, when(), cache)
    // The same object comes back: it was not parsed again.
    expect(await verifySessionToken(token, keys, when(), cache)).toBe(first)
  })
})

describe('session keys', () => {
  it('of another kind are left out', async () => {
    const { kid, x } = signer.publicKey
    const odd = [
      {},
      { kty: 'oct', k: 'AAAA', kid: 'mac' },
      { kty: 'OKP', crv: 'X25519', x: x!, kid: kid! },
      { ...signer.publicKey, kid: undefined },
    ]
    expect((await importSessionKeys(odd as never)).size).toBe(0)
  })

  it('are public: the private part of a signer stays with it', async () => {
    expect(Object.keys(signer.publicKey).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x'])
  })
})
