/** Data: where an encrypted file lives, how it is encrypted, and who owns it. */
import { z } from 'zod'
import { bytes } from './bytes.ts'
import { executor, fieldName } from './function_record.ts'
import { dataId, userId } from './ids.ts'

/** A place of a file: `nats-object://bucket/name` or, for small inputs, `data:;base64,...`. */
export const fileUrl = z
  .string()
  .max(400_000)
  .regex(/^(?:nats-object:\/\/[A-Za-z0-9_-]{1,64}\/[A-Za-z0-9._=-]{1,200}|data:[^,]{0,100},.*)$/s, {
    message: 'must be nats-object://<bucket>/<name> or data:;base64,<text>',
  })

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

/**
 * What an owner demands of every use of its data; an absent part demands nothing. `functions` are digests, `parties` all
 * who may take part (the owner among them), `platforms` those of the worker, `until` a moment (ms since 1970).
 */
export const dataRule = z.strictObject({
  /** A task that does not meet the rule is refused with this name. */
  name: fieldName,
  functions: z
    .array(z.string().regex(/^[0-9a-f]{64}$/))
    .min(1)
    .max(64)
    .optional(),
  parties: z.array(userId).min(1).max(32).optional(),
  executors: z.array(executor).min(1).max(4).optional(),
  platforms: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9_-]{0,31}$/))
    .min(1)
    .max(16)
    .optional(),
  until: z.int().min(0).optional(),
})
export type DataRule = z.infer<typeof dataRule>

/** What an owner may read back: never the url, never the key. `tag` is absent for an output not yet written. */
export const dataView = z.strictObject({
  data_id: dataId,
  owners: z.array(userId),
  scheme: z.enum(FILE_SCHEMES),
  tag: fileTag.optional(),
  rule: dataRule.optional(),
})
export type DataView = z.infer<typeof dataView>
