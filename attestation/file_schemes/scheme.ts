/** The schemes in which files are encrypted: a new one is one file beside this and one line here. */
import type { FileCrypto, FileScheme } from '../../messages/index.ts'
import { Refusal } from '../../messages/index.ts'
import type { EncryptedFile } from './aes_gcm.ts'
import { decryptAesGcm, encryptAesGcm } from './aes_gcm.ts'

export type { EncryptedFile } from './aes_gcm.ts'

interface Scheme {
  encrypt(plaintext: Uint8Array, crypto: FileCrypto): EncryptedFile
  decrypt(bytes: Uint8Array, crypto: FileCrypto, registeredTag: Uint8Array): Uint8Array
}

const aesGcm: Scheme = { encrypt: encryptAesGcm, decrypt: decryptAesGcm }

const SCHEMES: Readonly<Record<FileScheme, Scheme>> = {
  'aes-gcm-128': aesGcm,
  'aes-gcm-256': aesGcm,
}

/** @throws Refusal `unsupported` for an unknown scheme, `invalid_request` for a key or iv of the wrong length */
export function encryptFile(plaintext: Uint8Array, crypto: FileCrypto): EncryptedFile {
  return schemeOf(crypto).encrypt(plaintext, crypto)
}

/**
 * The plaintext, once the file has proven to be the registered one.
 * @throws Refusal `tag_mismatch`, and as `encryptFile`
 */
export function decryptFile(bytes: Uint8Array, crypto: FileCrypto, registeredTag: Uint8Array): Uint8Array {
  return schemeOf(crypto).decrypt(bytes, crypto, registeredTag)
}

function schemeOf({ scheme }: FileCrypto): Scheme {
  if (Object.hasOwn(SCHEMES, scheme)) return SCHEMES[scheme]
  throw new Refusal('unsupported', `the file scheme ${String(scheme)} is not known`, {
    hint: `use one of ${Object.keys(SCHEMES).join(', ')}`,
    field: 'crypto.scheme',
  })
}
