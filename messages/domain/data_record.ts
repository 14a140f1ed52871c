/**
 * Data as it travels: the rule that an owner sets for its use, and what an owner may read back. How management keeps
 * it, with url and key, is `actors/management/data/data_record.ts`.
 */
import { z } from 'zod'
import { executor, fieldName } from './function_record.ts'
import { dataId, userId } from '../ids.ts'
import { FILE_SCHEMES, fileTag } from './stored_file.ts'

export const dataRule = z
  .strictObject({
    name: fieldName.meta({
      description: 'A task that does not meet the rule is refused with this name.',
      examples: ['only_with_bob'],
    }),
    functions: z
      .array(z.string().regex(/^[0-9a-f]{64}$/))
      .min(1)
      .max(64)
      .optional()
      .describe('The functions that may use it, by their digests.'),
    parties: z.array(userId).min(1).max(32).optional().describe('All who may take part, the owner among them.'),
    executors: z.array(executor).min(1).max(4).optional().describe('What may run the function.'),
    platforms: z
      .array(z.string().regex(/^[a-z0-9][a-z0-9_-]{0,31}$/))
      .min(1)
      .max(16)
      .optional()
      .describe('What the worker must be attested on.'),
    until: z.int().min(0).optional().describe('The moment from which it may not be used: ms since 1970.'),
  })
  .describe('What an owner demands of every use of its data; an absent part demands nothing.')
/** What an owner demands of every use of their data. */
export type DataRule = z.infer<typeof dataRule>

/** What an owner may read back: never the url, never the key. */
export const dataView = z.strictObject({
  data_id: dataId,
  owners: z.array(userId).describe('Those whom the data belongs to.'),
  scheme: z.enum(FILE_SCHEMES).describe('How the file is encrypted.'),
  tag: fileTag.optional().describe("The 16 bytes that pin the file's content; absent for an output not yet written."),
  rule: dataRule.optional().describe('What its owner demands of every use.'),
})
/** The record of an input or output, as its owners see it: without its address and key. */
export type DataView = z.infer<typeof dataView>
