/** The policies that a deployment adds to those of its code: asked of the frontend, carried out by access control. */
import { z } from 'zod'
import { policyDocuments } from '../domain/policy.ts'
import type { Method } from '../protocol.ts'

const version = z.int().min(0)
const policyVersion = version.describe('Counts what was added; 0 where nothing ever was.')
const policyDigest = z.string().describe('Digest of all that decides; every decision names it.')

const POLICY_EXAMPLE = '@id("closed") forbid (principal, action == Action::"create_task", resource);'

export const policyMethods = {
  get_policy: {
    about:
      'The policies in force: those of the code, and those that were added, in the present version or an earlier one',
    request: z.strictObject({
      version: policyVersion.optional().describe('An earlier version; absent: the present one.'),
    }),
    reply: z.strictObject({
      version: policyVersion,
      policy_version: policyDigest,
      documents: policyDocuments,
      built_in: z.record(z.string(), z.string()).describe('The policies of the code, by their ids.'),
      changed_by: z.string().nullable().describe('Who added them; null where nothing was ever added.'),
      changed_at: z.int().nullable().describe('When: ms since 1970; null where nothing was ever added.'),
    }),
    refuses: ['not_found'],
  },
  put_policy: {
    about: 'Replaces the policies that were added, if `replaces` is their present version; in force within a second',
    request: z.strictObject({
      replaces: version.describe('The version that the caller has read.'),
      documents: policyDocuments.meta({ examples: [{ closing: { language: 'cedar', text: POLICY_EXAMPLE } }] }),
    }),
    reply: z.strictObject({ version: policyVersion, policy_version: policyDigest }),
    refuses: ['policy_invalid', 'conflict'],
  },
} as const satisfies Record<string, Method>

export type PolicyMethod = keyof typeof policyMethods
