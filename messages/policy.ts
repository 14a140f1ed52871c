/** Policies as they travel: documents in one of two languages, by name. */
import { z } from 'zod'

/** Cedar, or the set language of older deployments. */
export const policyLanguage = z.enum(['cedar', 'sets'])
export type PolicyLanguage = z.infer<typeof policyLanguage>

export const policyDocument = z.strictObject({ language: policyLanguage, text: z.string() })
export type PolicyDocument = z.infer<typeof policyDocument>

/** A document's name stands before the ids of its rules, as `<document>.<rule>`. */
export const documentName = z.string().regex(/^[a-z][a-z0-9_]{0,31}$/, 'must be 1 to 32 small letters, digits and _')

const DOCUMENTS_MAX = 16
/** All together; one stored record holds them. */
const TEXT_BYTES_MAX = 256 * 1024

export const policyDocuments = z
  .record(documentName, policyDocument)
  .refine((documents) => Object.keys(documents).length <= DOCUMENTS_MAX, `must be ${DOCUMENTS_MAX} documents at most`)
  .refine(
    (documents) =>
      Object.values(documents).reduce((sum, { text }) => sum + Buffer.byteLength(text), 0) <= TEXT_BYTES_MAX,
    `must take ${TEXT_BYTES_MAX} bytes at most`,
  )
export type PolicyDocuments = z.infer<typeof policyDocuments>
