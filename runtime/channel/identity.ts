/** Who we are on the wire: our keys, and the credential that our frames carry at present. */
import { createHash, randomBytes } from 'node:crypto'
import type { MemberKeys } from '../../attestation/index.ts'
import { passportDigest } from '../../attestation/index.ts'
import type { Credential } from '../../messages/index.ts'

/** A frame id: 8 bytes that are ours for the life of the process, and 8 that count. */
const ID_BYTES = 16

export class Identity {
  readonly keys: MemberKeys
  /** A service's role, or `client`. */
  readonly role: string
  /** The member's id, or the client's key thumbprint. */
  readonly id: string
  readonly sessionPrefix: Uint8Array = randomBytes(8)
  /** Our own keys, which is how we speak before we are admitted, and always when we ask to be. */
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

  /** An outside party: its frames carry its own keys. */
  static client(keys: MemberKeys): Identity {
    return new Identity(keys, 'client', clientThumbprint(keys.signingKey.publicKey))
  }

  /** A member that has no passport yet; until then it speaks as a client does. */
  static member(keys: MemberKeys, role: string, id: string): Identity {
    return new Identity(keys, role, id)
  }

  get credential(): Credential {
    return this.#credential
  }

  get passport(): string | undefined {
    return this.#passport
  }

  /** True for the names under which frames may be sealed to our own key: ours, and that of our key before admission. */
  isNamed(receiver: string): boolean {
    return receiver === this.id || receiver === this.#thumbprint
  }

  admit(passport: string): void {
    this.#passport = passport
    this.#credential = { kind: 'passport', digest: passportDigest(passport) }
  }

  /**
   * A fresh frame id and nonce. The pair key belongs to a sealing key that was made with this process, so a counter
   * never repeats under one key; the salt is there for the day somebody breaks that rule.
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
