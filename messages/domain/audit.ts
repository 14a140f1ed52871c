/**
 * The audit log: who called what, what was refused, what changed. A record names things by their ids and says how the
 * call ended; it never holds a secret, a payload, an argument, a result, or what a function said.
 */
import { z } from 'zod'

export const AUDIT_TEXT_MAX = 300

/**
 * One entry by one member. `call`: a request at the door; `change`: something has another state now; `decision`: access
 * control allowed or refused; `gap`: records that were lost before they could be kept.
 */
export const auditRecord = z.strictObject({
  at: z.int().describe('When: ms since 1970.'),
  kind: z
    .enum(['call', 'change', 'decision', 'gap'])
    .describe('A request at the door, another state, a decision of access control, or records that were lost.'),
  user: z.string().nullable().describe('Whose session it was; null where none was verified.'),
  method: z.string().nullable().describe('The method that was called.'),
  task: z.string().nullable().describe('The task that it is about.'),
  object: z.string().nullable().describe('The function, the data or the member that it is about.'),
  outcome: z.string().describe('`ok`, the code of a refusal, the state of a task, or `allowed` and `refused`.'),
  text: z.string().max(AUDIT_TEXT_MAX).describe('More, for people.'),
  count: z
    .int()
    .min(1)
    .describe('More than 1 where the same happened several times in a moment, to nobody in particular.'),
})
export type AuditRecord = z.infer<typeof auditRecord>

/** A record as it is queried: with its place in the chain of its writer. */
export const auditEntry = auditRecord.extend({
  writer: z.string().describe('The member that wrote it.'),
  record: z.int().describe('Its number among the records of that member.'),
})
/** A record of the audit log, as an admin reads it. */
export type AuditEntry = z.infer<typeof auditEntry>

/** Records of one member that leave together, sealed; each page names the digest of the chain before it. */
export const auditPage = z.strictObject({
  writer: z.string().max(80),
  /** Counts the writer's pages, from 0. */
  page: z.int().min(0),
  /** The number of its first record, from 0. */
  first: z.int().min(0),
  /** SHA-256 of the chain up to the record before. */
  previous: z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === 32),
  records: z.array(auditRecord).min(1),
})
export type AuditPage = z.infer<typeof auditPage>

/** The end of a writer's chain, as it was kept in storage: no record before it can vanish unnoticed. */
export const auditHead = z.strictObject({
  pages: z.int().min(0).describe('How many pages there are.'),
  records: z.int().min(0).describe('How many records are in them.'),
  digest: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe('SHA-256 of the chain.'),
})
export type AuditHead = z.infer<typeof auditHead>

/** Something that verifying the log found wrong. */
export const auditFinding = z.strictObject({
  writer: z.string().describe('The member whose records they are.'),
  page: z.int().optional().describe('The page of its records.'),
  problem: z.string().describe('What is wrong, for people.'),
})
export type AuditFinding = z.infer<typeof auditFinding>
