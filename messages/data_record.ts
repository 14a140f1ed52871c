/** Data: where an encrypted file lives, how it is encrypted, and who owns it. */
import { z } from 'zod'
import { bytes } from './bytes.ts'
import { dataId, userId } from './ids.ts'

export const fileUrl = z
  .string()
  .max(400_000)
  .regex(/^(?:nats-object:\/\/[A-Za-z0-9_-]{1,64}\/[A-Za-z0-9._=-]{1,200}|data:[^,]{0,100},.*)$/s, {
    message: 'must be nats-object://<bucket>/<name> or data:;base64,<text>',
  })
  .meta({
    description: 'Where the file is: `nats-object://<bucket>/<name>` or, for small inputs, `data:;base64,...`.',
    examples: ['nats-object://files/alice-customers.enc'],
  })

export const objectUrl = z
  .string()
  .max(300)
  .regex(/^nats-object:\/\/[A-Za-z0-9_-]{1,64}\/[A-Za-z0-9._=-]{1,200}$/, 'must be nats-object://<bucket>/<name>')
  .describe("Where the file is in the deployment's object store: `nats-object://<bucket>/<name>`.")

const key = (size: number) => bytes(size, size).describe('The secret key of the file, never shown again.')
const iv = bytes(12, 12).describe('The initialisation vector that the file was encrypted under.')

export const fileCrypto = z
  .discriminatedUnion('scheme', [
    z.strictObject({ scheme: z.literal('aes-gcm-128'), key: key(16), iv }),
    z.strictObject({ scheme: z.literal('aes-gcm-256'), key: key(32), iv }),
  ])
  .describe(
    'How the file is encrypted: AES-GCM with 8 zero bytes of associated data; the file is the ciphertext followed by the 16-byte tag.',
  )
export type FileCrypto = z.infer<typeof fileCrypto>
export const FILE_SCHEMES = ['aes-gcm-128', 'aes-gcm-256'] as const
export type FileScheme = (typeof FILE_SCHEMES)[number]

export const fileTag = bytes(16, 16).describe("The 16 bytes that pin the file's content.")

/** What an owner may read back: never the url, never the key. */
export const dataView = z.strictObject({
  data_id: dataId,
  owners: z.array(userId).describe('Those whom the data belongs to.'),
  scheme: z.enum(FILE_SCHEMES).describe('How the file is encrypted.'),
  tag: fileTag.optional().describe("The 16 bytes that pin the file's content; absent for an output not yet written."),
})
export type DataView = z.infer<typeof dataView>
