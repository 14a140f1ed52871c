/**
 * Seals the values of a store one by one, unlike seal.ts, which seals single documents: AES-256-GCM with the storage
 * key, and the value's key and revision as associated data, so that a value opens only in its own place. Whether a
 * sealed value is the current one, the seal cannot say; the store keeps account of that with `mark`.
 *
 * No nonce is used twice under one key: each seal draws a salt, derives a key of its own from it, and counts. Random
 * nonces would run out after 2^32 values, and nonces made of revisions would repeat as soon as the host puts an old
 * copy of the folder back.
 *
 *     sealed value = salt (16) || count (6, big-endian) || ciphertext || tag (16)
 */
import type { KeyObject } from 'node:crypto'
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, randomBytes } from 'node:crypto'
import { assert, Refusal } from '../../messages/index.ts'

const SALT_BYTES = 16
const COUNT_BYTES = 6
const TAG_BYTES = 16
const HEADER_BYTES = SALT_BYTES + COUNT_BYTES
const COUNT_MAX = 2 ** 48 - 1
/** There is one salt for each time a store was opened. A key beyond these is derived again, at the cost of one HKDF. */
const KEYS_MAX = 1024

export class AesValueSeal {
  readonly #rootKey: KeyObject
  readonly #markKey: KeyObject
  readonly #salt = randomBytes(SALT_BYTES)
  readonly #sealingKey: KeyObject
  readonly #keys = new Map<string, KeyObject>()
  #count = 0

  /** @param storageKey 32 bytes, released by the coordinator; each purpose derives its own key from it */
  constructor(storageKey: Uint8Array) {
    assert(storageKey.length === 32, 'a storage key has 32 bytes')
    this.#rootKey = createSecretKey(storageKey)
    this.#markKey = this.#derive(Buffer.alloc(0), 'tacit storage marks v1')
    this.#sealingKey = this.#keyOf(this.#salt)
  }

  seal(key: string, revision: number, value: Uint8Array): Uint8Array {
    assert(this.#count < COUNT_MAX, 'the nonces of one opening suffice')
    const header = Buffer.allocUnsafe(HEADER_BYTES)
    this.#salt.copy(header)
    header.writeUIntBE(this.#count++, SALT_BYTES, COUNT_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#sealingKey, nonceOf(header), { authTagLength: TAG_BYTES })
    cipher.setAAD(nameOf(key, revision))
    const body = cipher.update(value)
    cipher.final()
    return Buffer.concat([header, body, cipher.getAuthTag()])
  }

  /** @throws Refusal `state_damaged`, whichever of key, revision, bytes or storage key differs from that of `seal` */
  unseal(key: string, revision: number, sealed: Uint8Array): Uint8Array {
    if (sealed.length < HEADER_BYTES + TAG_BYTES) throw damaged(key)
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length)
    const secret = this.#keyOf(bytes.subarray(0, SALT_BYTES))
    const decipher = createDecipheriv('aes-256-gcm', secret, nonceOf(bytes), { authTagLength: TAG_BYTES })
    decipher.setAAD(nameOf(key, revision))
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
    const value = decipher.update(bytes.subarray(HEADER_BYTES, bytes.length - TAG_BYTES))
    try {
      decipher.final()
    } catch {
      throw damaged(key)
    }
    return new Uint8Array(value.buffer, value.byteOffset, value.length)
  }

  /**
   * The mark of a live value: 32 bytes that nobody can tell without the storage key. A store keeps the sum of all
   * marks.
   */
  mark(key: string, revision: number): Uint8Array {
    return createHmac('sha256', this.#markKey).update(nameOf(key, revision)).digest()
  }

  #keyOf(salt: Uint8Array): KeyObject {
    const name = Buffer.from(salt).toString('latin1')
    const known = this.#keys.get(name)
    if (known !== undefined) return known
    const oldest = this.#keys.size < KEYS_MAX ? undefined : this.#keys.keys().next().value
    if (oldest !== undefined) this.#keys.delete(oldest)
    const secret = this.#derive(salt, 'tacit storage values v1')
    this.#keys.set(name, secret)
    return secret
  }

  #derive(salt: Uint8Array, purpose: string): KeyObject {
    return createSecretKey(Buffer.from(hkdfSync('sha256', this.#rootKey, salt, purpose, 32)))
  }
}

function nonceOf(header: Buffer): Buffer {
  const nonce = Buffer.alloc(12)
  header.copy(nonce, 12 - COUNT_BYTES, SALT_BYTES, HEADER_BYTES)
  return nonce
}

/** The revision has a fixed length and comes first, so no two pairs of key and revision have the same bytes. */
function nameOf(key: string, revision: number): Buffer {
  const name = Buffer.allocUnsafe(8 + Buffer.byteLength(key))
  name.writeBigUInt64BE(BigInt(revision))
  name.write(key, 8)
  return name
}

function damaged(key: string): Refusal {
  return new Refusal('state_damaged', `the sealed value under ${JSON.stringify(key)} does not open`, {
    hint: 'it was changed or moved on the disk, or it was sealed with another storage key',
  })
}
