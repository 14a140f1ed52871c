/** What every scheme makes of a plaintext. */
export interface EncryptedFile {
  bytes: Uint8Array
  /** What the owner registers, or the worker reports. */
  tag: Uint8Array
}
