/** raw: no encryption, and yet only the registered content is taken. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { decryptFile, encryptFile, tagRawFile } from '../../../../attestation/sealing/file_schemes/scheme.ts'
import type { OutputCrypto } from '../../../../messages/index.ts'

const raw = { scheme: 'raw' as const }
const content = Buffer.from('no secret at all')

test('the tag is the first half of the SHA-256, and the content comes back', () => {
  const tag = tagRawFile(content)
  expect(Buffer.from(tag).equals(createHash('sha256').update(content).digest().subarray(0, 16))).toBe(true)
  expect(Buffer.from(decryptFile(content, raw, tag)).equals(content)).toBe(true)
})

test('each byte of content and tag matters, and the length of the tag', () => {
  const tag = tagRawFile(content)
  const flip = (bytes: Uint8Array, at: number) => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))
  const codes = [
    ...[...content.keys()].map((at) => () => decryptFile(flip(content, at), raw, tag)),
    ...[...tag.keys()].map((at) => () => decryptFile(content, raw, flip(tag, at))),
    () => decryptFile(content.subarray(1), raw, tag),
  ]
  for (const attempt of codes) expect(attempt).toThrow(expect.objectContaining({ code: 'tag_mismatch' }))
  expect(() => decryptFile(content, raw, tag.subarray(1))).toThrow(expect.objectContaining({ code: 'invalid_request' }))
})

test('nothing is encrypted as raw', () => {
  const crypto = raw as unknown as OutputCrypto // as a caller without the schema could send it
  expect(() => encryptFile(content, crypto)).toThrow(expect.objectContaining({ code: 'unsupported' }))
})
