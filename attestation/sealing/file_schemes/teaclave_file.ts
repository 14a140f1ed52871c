/** teaclave-file-128 files in memory. What lies in them where is in teaclave_pages.ts. */
import type { FileCrypto } from '../../../messages/index.ts'
import { assert } from '../../../messages/index.ts'
import type { EncryptedFile } from './encrypted_file.ts'
import { mismatch } from './mismatch.ts'
import { TeaclaveOpener } from './teaclave_open.ts'
import { dataPagesOf, nodesOf, PAGE_BYTES } from './teaclave_pages.ts'
import { TeaclaveSealer } from './teaclave_seal.ts'

type TeaclaveCrypto = Extract<FileCrypto, { scheme: 'teaclave-file-128' }>

/** Made with fresh page keys: the same plaintext gives another file, and another tag, each time. */
export function encryptTeaclaveFile(plaintext: Uint8Array, { key }: TeaclaveCrypto): EncryptedFile {
  const sealer = new TeaclaveSealer(key)
  const dataPages = dataPagesOf(plaintext.length)
  const bytes = Buffer.alloc((1 + dataPages + nodesOf(dataPages)) * PAGE_BYTES)
  for (let at = 0; at < plaintext.length;) {
    const part = plaintext.subarray(at, at + sealer.partBytes)
    at += part.length
    const placed = sealer.add(part)
    if (placed !== undefined) bytes.set(placed.bytes, placed.page * PAGE_BYTES)
  }
  const rest = sealer.finish()
  for (;;) {
    const { done, value } = rest.next()
    if (done === true) return { bytes, tag: value }
    bytes.set(value.bytes, value.page * PAGE_BYTES)
  }
}

/** @throws Refusal `tag_mismatch`, or `malformed` where the tag is in place and the head says another kind of file */
export function decryptTeaclaveFile(bytes: Uint8Array, { key }: TeaclaveCrypto, registeredTag: Uint8Array): Uint8Array {
  const opener = new TeaclaveOpener(bytes.subarray(0, PAGE_BYTES), key, registeredTag)
  if (bytes.length !== opener.pages * PAGE_BYTES) throw mismatch()
  const plaintext = Buffer.alloc(opener.size)
  plaintext.set(opener.head)
  let at = opener.head.length
  try {
    for (let page = PAGE_BYTES; page < bytes.length; page += PAGE_BYTES) {
      const part = opener.next(bytes.subarray(page, page + PAGE_BYTES))
      if (part === undefined) continue
      plaintext.set(part, at)
      at += part.length
      part.fill(0)
    }
  } catch (error) {
    plaintext.fill(0)
    throw error
  }
  assert(at === plaintext.length, 'the pages hold as much as the metadata says')
  return plaintext
}
