/** A file as it is kept outside of the platform: where it lies, how it is encrypted, and the tag that pins its content. */
import { z } from 'zod'
import { bytes } from './bytes.ts'

const OBJECT_URL = /nats-object:\/\/[A-Za-z0-9_-]{1,64}\/[A-Za-z0-9._=-]{1,200}/
/** How a url may look, by the kind of place; a name or password in it is not taken, since it would be sent unasked. */
const FILE_URLS = [
  OBJECT_URL,
  /data:[^,]{0,100},.*/,
  /https?:\/\/[^\s/?#@\\]{1,300}(?:[/?][^\s#\\]{0,4000})?/,
  /file:\/\/\/[^\s?#\\]{1,1000}/,
]

/**
 * A place of a file: `nats-object://bucket/name`; for small inputs `data:;base64,...`; on a web server or in a folder of the
 * workers, where the deployment allows it.
 */
export const fileUrl = z
  .string()
  .max(400_000)
  .regex(new RegExp(`^(?:${FILE_URLS.map(({ source }) => source).join('|')})$`, 's'), {
    message: 'must be nats-object://<bucket>/<name>, https://<host>/<path>, file:///<path>, or data:;base64,<text>',
  })

/** A place in the deployment's object store. */
export const objectUrl = z
  .string()
  .max(300)
  .regex(new RegExp(`^${OBJECT_URL.source}$`), 'must be nats-object://<bucket>/<name>')

const iv = bytes(12, 12)

/** AES-GCM with 8 zero bytes of associated data; the file is the ciphertext followed by the 16-byte tag. */
const aesGcm128 = z.strictObject({ scheme: z.literal('aes-gcm-128'), key: bytes(16, 16), iv })
const aesGcm256 = z.strictObject({ scheme: z.literal('aes-gcm-256'), key: bytes(32, 32), iv })
/** The protected-file layout of the SGX SDK; each file has random keys of its own under this one, so there is no iv. */
const teaclaveFile = z.strictObject({ scheme: z.literal('teaclave-file-128'), key: bytes(16, 16) })
/** No encryption: the content is no secret, and only its tag protects it. */
const raw = z.strictObject({ scheme: z.literal('raw') })

/** How an input is encrypted. */
export const fileCrypto = z.discriminatedUnion('scheme', [aesGcm128, aesGcm256, teaclaveFile, raw])
export type FileCrypto = z.infer<typeof fileCrypto>
/** How an output is to be encrypted: a worker writes nothing plain. */
export const outputCrypto = z.discriminatedUnion('scheme', [aesGcm128, aesGcm256, teaclaveFile])
export type OutputCrypto = z.infer<typeof outputCrypto>

/** The schemes that encrypt. */
export const OUTPUT_SCHEMES = ['aes-gcm-128', 'aes-gcm-256', 'teaclave-file-128'] as const
export type OutputScheme = (typeof OUTPUT_SCHEMES)[number]
export const FILE_SCHEMES = [...OUTPUT_SCHEMES, 'raw'] as const
export type FileScheme = (typeof FILE_SCHEMES)[number]

/** The 16 bytes that pin a file's content. */
export const fileTag = bytes(16, 16)
