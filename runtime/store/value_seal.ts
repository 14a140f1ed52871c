/** What a durable store needs of cryptography; handed in, because stores know nothing of keys or attestation. */

export interface ValueSeal {
  /** Seals a value so that it opens only under this key and revision; no two results share a nonce. */
  seal(key: string, revision: number, value: Uint8Array): Uint8Array
  /** @throws Refusal `state_damaged` unless these bytes came from `seal` with the same key and revision */
  unseal(key: string, revision: number, sealed: Uint8Array): Uint8Array
  /** 32 bytes that stand for a live value and that nobody without the storage key can tell. */
  mark(key: string, revision: number): Uint8Array
}
