/** Who we are to others: our keys, and the credential that our frames carry at present. */
import { createHash, randomBytes } from 'node:crypto'
import type { MemberKeys } from '../../attestation/index.ts'
import { passportDigest } from '../../attestation/index.ts'
import type { Credential } from '../../messages/index.ts'

/** A frame id has 8 bytes that stay the same for the life of the process, and 8 that count. */
const ID_BYTES = 16

export class Identity {
  readonly keys: MemberKeys
  /** A service's role, or `client`. */
  readonly role: string
  /** The member's id, or the client's key thumbprint. */
  readonly id: string
  readonly sessionPrefix: Uint8Array = randomBytes(8)
  /** Our own keys: our credential until we are admitted, and whenever we ask to be. */
  readonly clientCredential: Credential
  #credential: Credential
  #passport: string | undefined
  #frames = 0
  readonly #nonceSalt = randomBytes(6)
  readonly #thumbprint: string

  private constructor(keys: MemberKeys, role: string, id: string) {
    this.keys = keys
    this.role = role
    this.id = id
    this.#thumbprint = clientThumbprint(keys.signingKey.publicKey)
    this.clientCredential = {
      kind: 'client',
      signingKey: keys.signingKey.publicKey,
      sealingKey: keys.sealingKey.publicKey,
    }
    this.#credential = this.clientCredential
  }

  /** For an outside party, whose frames carry its own keys. */
  static client(keys: MemberKeys): Identity {
    return new Identity(keys, 'client', clientThumbprint(keys.signingKey.publicKey))
  }

  /** For a member that has no passport yet; until it has one, its frames are those of a client. */
  static member(keys: MemberKeys, role: string, id: string): Identity {
    return new Identity(keys, role, id)
  }

  get credential(): Credential {
    return this.#credential
  }

  get passport(): string | undefined {
    return this.#passport
  }

  /**
   * True for the names under which frames may be sealed to our own key: our id, and, from before admission, our key's.
   */
  isNamed(receiver: string): boolean {
    return receiver === this.id || receiver === this.#thumbprint
  }

  admit(passport: string): void {
    this.#passport = passport
    this.#credential = { kind: 'passport', digest: passportDigest(passport) }
  }

  /**
   * Makes a new frame id and nonce. Pair keys belong to a sealing key that was made with this process, so a counter
   * never repeats under one key. The salt is there in case somebody breaks that rule one day.
   */
  nextFrame(): { id: Uint8Array; nonce: Uint8Array; counter: number } {
    this.#frames += 1
    const id = Buffer.alloc(ID_BYTES)
    id.set(this.sessionPrefix, 0)
    id.writeUIntBE(this.#frames, 10, 6)
    const nonce = Buffer.alloc(12)
    nonce.set(this.#nonceSalt, 0)
    nonce.writeUIntBE(this.#frames, 6, 6)
    return { id, nonce, counter: this.#frames }
  }
}

/** How a client is named: SHA-256 of its raw signing key, 64 hex digits. */
export function clientThumbprint(signingKey: Uint8Array): string {
  return createHash('sha256').update(signingKey).digest('hex')
}
