/**
 * Passwords: hashed by scrypt with the parameters kept beside the hash, two at a time. Without a user, a check
 * costs the same hash as with one. Each hash takes 32 MiB, so only so many may wait, and more are refused.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { Refusal } from '../../messages/index.ts'
import type { PasswordHash } from './user_records.ts'

export interface ScryptCost {
  N: number
  r: number
  p: number
}

/** Derives `hashBytes` bytes; tests count its calls. */
export type DeriveKey = (password: string, salt: Uint8Array, cost: ScryptCost, hashBytes: number) => Promise<Uint8Array>

export const scryptDerive: DeriveKey = (password, salt, { N, r, p }, hashBytes) =>
  new Promise((resolve, reject) => {
    // scrypt needs 128 * N * r bytes; Node refuses above `maxmem`, whose default is just below that for N = 2^15.
    scrypt(password, salt, hashBytes, { N, r, p, maxmem: 256 * N * r }, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })

const SALT_BYTES = 16
const HASH_BYTES = 32
const AT_ONCE_MAX = 2
const WAITING_MAX = 64

export class PasswordHasher {
  readonly #cost: ScryptCost
  readonly #derive: DeriveKey
  /** What a password is compared with if there is no user. */
  readonly #nobody: PasswordHash
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor(cost: ScryptCost, derive: DeriveKey = scryptDerive) {
    this.#cost = cost
    this.#derive = derive
    this.#nobody = { ...cost, salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES) }
  }

  async hash(password: string, signal?: AbortSignal): Promise<PasswordHash> {
    const salt = randomBytes(SALT_BYTES)
    return { ...this.#cost, salt, hash: await this.#compute(password, salt, this.#cost, signal) }
  }

  /** Whether the password is the one that was hashed; false, at the same cost, if there is no hash. */
  async matches(password: string, stored: PasswordHash | undefined, signal?: AbortSignal): Promise<boolean> {
    const { salt, hash, N, r, p } = stored ?? this.#nobody
    const computed = await this.#compute(password, salt, { N, r, p }, signal)
    return timingSafeEqual(computed, hash) && stored !== undefined
  }

  /** True when the setting has been raised since this hash was made. */
  isOutdated({ N, r, p }: PasswordHash): boolean {
    return N * r * p < this.#cost.N * this.#cost.r * this.#cost.p
  }

  async #compute(password: string, salt: Uint8Array, cost: ScryptCost, signal?: AbortSignal): Promise<Uint8Array> {
    if (this.#running >= AT_ONCE_MAX) {
      if (this.#waiting.length >= WAITING_MAX) {
        throw new Refusal('overloaded', 'too many passwords are being checked', { hint: 'try again in a second' })
      }
      // Whoever finishes hands its place over, so `#running` stays as it is.
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else {
      this.#running += 1
    }
    try {
      if (signal?.aborted === true) throw new Refusal('deadline_exceeded', 'the password was not checked in time')
      return await this.#derive(password, salt, cost, HASH_BYTES)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running -= 1
      else next()
    }
  }
}

/** A password that nobody chose: 144 random bits as 24 characters. */
export function randomPassword(): string {
  return randomBytes(18).toString('base64url')
}
