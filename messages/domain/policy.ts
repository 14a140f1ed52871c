/** Policies as they travel: documents in one of two languages, by name. */
import { z } from 'zod'

export const policyLanguage = z.enum(['cedar', 'sets']).describe('Cedar, or the set language of older deployments.')
export type PolicyLanguage = z.infer<typeof policyLanguage>

export const policyDocument = z.strictObject({
  language: policyLanguage,
  text: z.string().describe('The rules.'),
})
export type PolicyDocument = z.infer<typeof policyDocument>

export const documentName = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,31}$/, 'must be 1 to 32 small letters, digits and _')
  .describe('The name of a document; it stands before the ids of its rules, as `<document>.<rule>`.')

const DOCUMENTS_MAX = 16
/** For all documents together: one stored record holds them. */
const TEXT_BYTES_MAX = 256 * 1024

export const policyDocuments = z
  .record(documentName, policyDocument)
  .refine((documents) => Object.keys(documents).length <= DOCUMENTS_MAX, `must be ${DOCUMENTS_MAX} documents at most`)
  .refine(
    (documents) =>
      Object.values(documents).reduce((sum, { text }) => sum + Buffer.byteLength(text), 0) <= TEXT_BYTES_MAX,
    `must take ${TEXT_BYTES_MAX} bytes at most`,
  )
  .describe(`The documents by name: ${DOCUMENTS_MAX} at most, of ${TEXT_BYTES_MAX} bytes together.`)
export type PolicyDocuments = z.infer<typeof policyDocuments>
