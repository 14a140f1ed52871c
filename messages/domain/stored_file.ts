/**
 * A file as it is kept outside of the services: where it lies, how it is encrypted, and the tag that pins its content.
 */
import { z } from 'zod'
import { bytes } from '../bytes.ts'

const OBJECT_URL = /nats-object:\/\/[A-Za-z0-9_-]{1,64}\/[A-Za-z0-9._=-]{1,200}/
/** How a url may look, by the kind of place. A name or password in it is refused, since it would be sent unasked. */
const FILE_URLS = [
  OBJECT_URL,
  /data:[^,]{0,100},.*/,
  /https?:\/\/[^\s/?#@\\]{1,300}(?:[/?][^\s#\\]{0,4000})?/,
  /file:\/\/\/[^\s?#\\]{1,1000}/,
]

export const fileUrl = z
  .string()
  .max(400_000)
  .regex(new RegExp(`^(?:${FILE_URLS.map(({ source }) => source).join('|')})$`, 's'), {
    message: 'must be nats-object://<bucket>/<name>, https://<host>/<path>, file:///<path>, or data:;base64,<text>',
  })
  .meta({
    description:
      'Where the file is: `nats-object://<bucket>/<name>`; for small inputs `data:;base64,...`; on a web server ' +
      '(`https://...`) or in a folder of the workers (`file:///...`), where the deployment allows it.',
    examples: ['nats-object://files/alice-customers.enc'],
  })

export const objectUrl = z
  .string()
  .max(300)
  .regex(new RegExp(`^${OBJECT_URL.source}$`), 'must be nats-object://<bucket>/<name>')
  .describe("Where the file is in the deployment's object store: `nats-object://<bucket>/<name>`.")

const key = (size: number) => bytes(size, size).describe('The secret key of the file, never shown again.')
const iv = bytes(12, 12).describe('The initialisation vector that the file was encrypted under.')

const GCM = 'AES-GCM with 8 zero bytes of associated data; the file is the ciphertext followed by the 16-byte tag.'
const aesGcm128 = z.strictObject({ scheme: z.literal('aes-gcm-128').describe(GCM), key: key(16), iv })
const aesGcm256 = z.strictObject({ scheme: z.literal('aes-gcm-256').describe(GCM), key: key(32), iv })
const teaclaveFile = z.strictObject({
  scheme: z
    .literal('teaclave-file-128')
    .describe(
      'The protected-file layout of the SGX SDK; each file has random keys of its own under this one, so there ' +
        'is no iv.',
    ),
  key: key(16),
})
const raw = z.strictObject({
  scheme: z.literal('raw').describe('No encryption: the content is no secret, and only its tag protects it.'),
})

export const fileCrypto = z
  .discriminatedUnion('scheme', [aesGcm128, aesGcm256, teaclaveFile, raw])
  .describe('How the input is encrypted.')
/** How a file is encrypted, with its key; `raw` for one that is not. */
export type FileCrypto = z.infer<typeof fileCrypto>
export const outputCrypto = z
  .discriminatedUnion('scheme', [aesGcm128, aesGcm256, teaclaveFile])
  .describe('How the output is to be encrypted: a worker writes nothing plain.')
/** How a file is encrypted, with its key. */
export type OutputCrypto = z.infer<typeof outputCrypto>

/** The schemes that encrypt. */
export const OUTPUT_SCHEMES = ['aes-gcm-128', 'aes-gcm-256', 'teaclave-file-128'] as const
/** The name of a scheme that encrypts. */
export type OutputScheme = (typeof OUTPUT_SCHEMES)[number]
export const FILE_SCHEMES = [...OUTPUT_SCHEMES, 'raw'] as const
export type FileScheme = (typeof FILE_SCHEMES)[number]

export const fileTag = bytes(16, 16).describe("The 16 bytes that pin the file's content.")
