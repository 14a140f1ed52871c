/**
 * The group keys that a member holds: private keys of its own groups, and public keys of the groups that it may call.
 */
import type { KeyPair } from '../../attestation/index.ts'
import { importSealingKey } from '../../attestation/index.ts'
import type { PrivateGroupKey, PublicGroupKey } from '../../messages/index.ts'
import { Refusal } from '../../messages/index.ts'

export class KeyRing {
  #own = new Map<string, { key: KeyPair; endsAtMs: number }>()
  #directory = new Map<string, PublicGroupKey[]>()

  /** Replaces what the coordinator released before. Keys that it no longer releases are dropped. */
  update(keys: readonly PrivateGroupKey[], directory: readonly PublicGroupKey[]): void {
    const own = new Map<string, { key: KeyPair; endsAtMs: number }>()
    for (const { group, epoch, private_key, ends_at } of keys) {
      const id = `${group}:${epoch}`
      own.set(id, { key: this.#own.get(id)?.key ?? importSealingKey(private_key), endsAtMs: ends_at })
    }
    this.#own = own
    this.learn(directory)
  }

  /** Replaces only the public keys. */
  learn(directory: readonly PublicGroupKey[]): void {
    this.#directory = new Map()
    for (const key of directory) this.#directory.set(key.group, [...(this.#directory.get(key.group) ?? []), key])
  }

  /** The key that opens frames of this epoch; refuses `stale_epoch` when it has ended or is not held. */
  privateKey(group: string, epoch: number, nowMs: number): KeyPair {
    const held = this.#own.get(`${group}:${epoch}`)
    if (held === undefined || held.endsAtMs <= nowMs) {
      throw new Refusal('stale_epoch', `epoch ${epoch} of group "${group}" is not open here`, {
        hint: 'ask the coordinator for the present group key and send again',
      })
    }
    return held.key
  }

  /** The key to seal with now: of the latest epoch that has started. */
  publicKey(group: string, nowMs: number): PublicGroupKey {
    const open = (this.#directory.get(group) ?? []).filter((key) => key.starts_at <= nowMs && nowMs < key.ends_at)
    const latest = open.sort((a, b) => b.epoch - a.epoch)[0]
    if (latest === undefined) {
      throw new Refusal('unavailable', `no key of group "${group}" is known yet`, { hint: 'try again in a moment' })
    }
    return latest
  }
}
