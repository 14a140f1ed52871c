/** Data: who owns a file, and for which use. */
import { z } from 'zod'
import { executor, fieldName } from './function_record.ts'
import { dataId, userId } from './ids.ts'
import { FILE_SCHEMES, fileTag } from './stored_file.ts'

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
