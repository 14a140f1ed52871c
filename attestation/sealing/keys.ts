/**
 * This drawer holds what is sealed and signed, and with which keys: frames, values, documents, the audit chain, session
 * tokens and files. Here are a member's two keys: Ed25519 for signing, X25519 for sealing. Both are made in the trusted
 * half and never leave it. Public keys travel as 32 raw bytes and are imported through JWK, which is fifteen times
 * cheaper than DER.
 */
import type { KeyObject } from 'node:crypto'
import { createPrivateKey, createPublicKey, diffieHellman, hkdfSync, randomBytes, sign, verify } from 'node:crypto'
import { Refusal } from '../../messages/index.ts'

type Curve = 'Ed25519' | 'X25519'
const SECRET_BYTES = 32

/** A private key with its raw public key. */
export interface KeyPair {
  /** 32 raw bytes. */
  publicKey: Uint8Array
  privateKey: KeyObject
}

export interface MemberKeys {
  signingKey: KeyPair
  sealingKey: KeyPair
}

export function generateKeys(): MemberKeys {
  return { signingKey: generateSigningKey(), sealingKey: generateSealingKey() }
}

// A secret key of both curves is any 32 bytes (RFC 8032, RFC 7748). Node's own generator is not used: its job and its
// keys share a lock, and when the collector destroys the job while a key is exported as JWK, Node 20 deadlocks.
/** A fresh Ed25519 key pair. */
export function generateSigningKey(): KeyPair {
  return importPair('Ed25519', randomBytes(SECRET_BYTES))
}

export function generateSealingKey(): KeyPair {
  return importPair('X25519', randomBytes(SECRET_BYTES))
}

/** The 32 secret bytes of a private key, to be sealed and released. Handle them with care. */
export function exportSecret(key: KeyPair): Uint8Array {
  return fromBase64url(key.privateKey.export({ format: 'jwk' }).d ?? '')
}

/** Makes the key pair again from the 32 bytes that `exportSecret` gave. */
export function importSigningKey(secret: Uint8Array): KeyPair {
  return importPair('Ed25519', secret)
}

export function importSealingKey(secret: Uint8Array): KeyPair {
  return importPair('X25519', secret)
}

export function importSigningPublicKey(raw: Uint8Array): KeyObject {
  return importPublic('Ed25519', raw)
}

/** Signs with Ed25519: 64 bytes. Synchronous: the thread pool is slower unless both cores are idle. */
export function signBytes(key: KeyPair, bytes: Uint8Array): Uint8Array {
  return sign(null, bytes, key.privateKey)
}

export function hasValidSignature(publicKey: KeyObject, bytes: Uint8Array, signature: Uint8Array): boolean {
  return verify(null, bytes, publicKey, signature)
}

/**
 * The AES-256 key from one sender to one receiver. The two directions of a pair have different keys, so the two sides
 * never spend nonces of the same key.
 * Refuses `not_admitted` a peer key of small order, whose secret everybody knows.
 * @param sender the sender's raw X25519 public key
 * @param receiver the receiver's raw X25519 public key
 */
export function deriveSealingSecret(own: KeyPair, peer: Uint8Array, sender: Uint8Array, receiver: Uint8Array): Buffer {
  const shared = agree(own, peer)
  const info = Buffer.concat([Buffer.from('tacit pair v1\0'), sender, receiver])
  return Buffer.from(hkdfSync('sha256', shared, Buffer.alloc(0), info, 32))
}

function agree(own: KeyPair, peer: Uint8Array): Buffer {
  const smallOrder = (cause?: unknown) =>
    new Refusal('not_admitted', 'the peer has a sealing key of small order', { cause })
  let shared: Buffer
  try {
    shared = diffieHellman({ privateKey: own.privateKey, publicKey: importPublic('X25519', peer) })
  } catch (cause) {
    throw smallOrder(cause) // OpenSSL refuses to derive it
  }
  if (shared.every((byte) => byte === 0)) throw smallOrder()
  return shared
}

export function toBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

export function fromBase64url(text: string): Uint8Array {
  return Buffer.from(text, 'base64url')
}

/** A public signing key as the JWK that tokens carry. */
export function signingJwk(raw: Uint8Array): { kty: 'OKP'; crv: 'Ed25519'; x: string } {
  return { kty: 'OKP', crv: 'Ed25519', x: toBase64url(raw) }
}

function rawPublicKey(key: KeyObject): Uint8Array {
  return fromBase64url(key.export({ format: 'jwk' }).x ?? '')
}

function importPublic(crv: Curve, raw: Uint8Array): KeyObject {
  return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv, x: toBase64url(raw) } })
}

const PKCS8_PREFIX: Record<Curve, Buffer> = {
  Ed25519: Buffer.from('302e020100300506032b657004220420', 'hex'),
  X25519: Buffer.from('302e020100300506032b656e04220420', 'hex'),
}

function importPair(crv: Curve, secret: Uint8Array): KeyPair {
  const der = Buffer.concat([PKCS8_PREFIX[crv], secret])
  const privateKey = createPrivateKey({ format: 'der', type: 'pkcs8', key: der })
  return { privateKey, publicKey: rawPublicKey(createPublicKey(privateKey)) }
}
