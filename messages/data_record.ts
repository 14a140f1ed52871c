/** Data: where an encrypted file lives, how it is encrypted, and who owns it. */
import { z } from 'zod'
import { bytes } from './bytes.ts'
import { dataId, userId } from './ids.ts'

/** A place of a file: `nats-object://bucket/name` or, for small inputs, `data:;base64,...`. */
export const fileUrl = z
  .string()
  .max(400_000)
  .regex(/^(?:nats-object:\/\/[A-Za-z0-9_-]{1,64}\/[A-Za-z0-9._=-]{1,200}|data:[^,]{0,100},.*)$/s, {
    message: 'must be nats-object://<bucket>/<name> or data:;base64,<text>',
  })

/** A place in the deployment's object store. */
export const objectUrl = z
  .string()
  .max(300)
  .regex(/^nats-object:\/\/[A-Za-z0-9_-]{1,64}\/[A-Za-z0-9._=-]{1,200}$/, 'must be nats-object://<bucket>/<name>')

const iv = bytes(12, 12)

/** AES-GCM with 8 zero bytes of associated data; the file is the ciphertext followed by the 16-byte tag. */
export const fileCrypto = z.discriminatedUnion('scheme', [
  z.strictObject({ scheme: z.literal('aes-gcm-128'), key: bytes(16, 16), iv }),
  z.strictObject({ scheme: z.literal('aes-gcm-256'), key: bytes(32, 32), iv }),
])
export type FileCrypto = z.infer<typeof fileCrypto>
export const FILE_SCHEMES = ['aes-gcm-128', 'aes-gcm-256'] as const
export type FileScheme = (typeof FILE_SCHEMES)[number]

/** The 16 bytes that pin a file's content. */
export const fileTag = bytes(16, 16)

/** What an owner may read back: never the url, never the key. `tag` is absent for an output not yet written. */
export const dataView = z.strictObject({
  data_id: dataId,
  owners: z.array(userId),
  scheme: z.enum(FILE_SCHEMES),
  tag: fileTag.optional(),
})
export type DataView = z.infer<typeof dataView>
