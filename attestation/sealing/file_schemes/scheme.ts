/**
 * This drawer holds the schemes in which files are encrypted, a file each, and what all of them need. A new scheme is
 * one file more, and one line in each of the tables below that it has a function for.
 */
import type { FileCrypto, FileScheme, OutputCrypto, OutputScheme } from '../../../messages/index.ts'
import { Refusal } from '../../../messages/index.ts'
import { decryptAesGcm, encryptAesGcm } from './aes_gcm.ts'
import type { EncryptedFile } from './file_tag.ts'
import { openRawFile } from './raw_file.ts'
import { decryptTeaclaveFile, encryptTeaclaveFile } from './teaclave_file.ts'

export type { EncryptedFile } from './file_tag.ts'
export { tagRawFile } from './raw_file.ts'

type CryptoOf<K extends FileScheme> = Extract<FileCrypto, { scheme: K }>
type Encrypt<C> = (plaintext: Uint8Array, crypto: C) => EncryptedFile
type Decrypt<C> = (bytes: Uint8Array, crypto: C, registeredTag: Uint8Array) => Uint8Array

const ENCRYPT: { readonly [K in OutputScheme]: Encrypt<CryptoOf<K>> } = {
  'aes-gcm-128': encryptAesGcm,
  'aes-gcm-256': encryptAesGcm,
  'teaclave-file-128': encryptTeaclaveFile,
}

const DECRYPT: { readonly [K in FileScheme]: Decrypt<CryptoOf<K>> } = {
  'aes-gcm-128': decryptAesGcm,
  'aes-gcm-256': decryptAesGcm,
  'teaclave-file-128': decryptTeaclaveFile,
  raw: (bytes, _crypto, registeredTag) => openRawFile(bytes, registeredTag),
}

/**
 * Encrypts a file that is held whole.
 * @throws Refusal `unsupported` for an unknown scheme and for raw, `invalid_request` for a key or iv of the wrong
 * length
 */
export function encryptFile(plaintext: Uint8Array, crypto: OutputCrypto): EncryptedFile {
  // The tables have for each scheme the function of that scheme; the compiler cannot follow one key through both.
  return find<Encrypt<OutputCrypto>>(ENCRYPT, crypto)(plaintext, crypto)
}

/**
 * The plaintext, once the file has proven to be the registered one.
 * @throws Refusal `tag_mismatch`, `malformed`, and as `encryptFile`
 */
export function decryptFile(bytes: Uint8Array, crypto: FileCrypto, registeredTag: Uint8Array): Uint8Array {
  return find<Decrypt<FileCrypto>>(DECRYPT, crypto)(bytes, crypto, registeredTag)
}

function find<F>(functions: Readonly<Record<string, unknown>>, { scheme }: { scheme: string }): F {
  if (Object.hasOwn(functions, scheme)) return functions[scheme] as F
  throw new Refusal('unsupported', `the file scheme ${String(scheme)} cannot be used here`, {
    hint: `use one of ${Object.keys(functions).join(', ')}`,
    field: 'crypto.scheme',
  })
}
