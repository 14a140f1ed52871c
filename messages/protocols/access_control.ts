/**
 * What access control may be asked: one question, its facts, and the rule that decides; and which policies there are.
 */
import { z } from 'zod'
import { dataRule } from '../domain/data_record.ts'
import { executor } from '../domain/function_record.ts'
import { dataId, functionId, taskId, userId } from '../ids.ts'
import { protocol } from '../protocol.ts'
import { callerIdentity, role } from '../domain/user.ts'
import { policyMethods } from './policy_methods.ts'

const functionFacts = z
  .strictObject({ function_id: functionId, owner: userId, public: z.boolean().describe('Whether all may use it.') })
  .describe('What is known of the function.')
const dataFacts = z
  .strictObject({ data_id: dataId, owners: z.array(userId).describe('Its owners.'), rule: dataRule.optional() })
  .describe('What is known of the data.')
const taskFacts = z
  .strictObject({ task_id: taskId, parties: z.array(userId).describe('Its parties.') })
  .describe('What is known of the task.')

/** What the task does with a thing; what is not said does not meet a rule that asks for it. */
const taskUse = z.strictObject({
  function_digest: z.string().max(64).optional().describe('The function that runs: SHA-256, hex.'),
  executor: executor.optional(),
  at: z
    .int()
    .optional()
    .describe(
      'ms since 1970. Only where a rule asks for the time: an answer that depends on it is good for one moment.',
    ),
  run: z
    .strictObject({ platform: z.string().max(32).describe('What it was attested on.') })
    .optional()
    .describe('The worker that is about to begin; absent as long as none is known.'),
})
export type TaskUse = z.infer<typeof taskUse>

export const accessQuestion = z.discriminatedUnion('question', [
  z.strictObject({
    question: z.literal('api'),
    role,
    method: z.string().max(64).describe('The method of the frontend.'),
  }),
  z.strictObject({ question: z.literal('user_access_data'), user_id: userId, data: dataFacts }),
  z.strictObject({
    question: z.literal('user_access_function'),
    user_id: userId,
    attribute: z.string().nullable().describe('The organisation of the user.'),
    function: functionFacts
      .extend({ allowlist: z.array(z.string()).describe('Who may use it besides.') })
      .describe('What is known of the function.'),
  }),
  z.strictObject({ question: z.literal('user_access_task'), user_id: userId, task: taskFacts }),
  z.strictObject({
    question: z.literal('task_access_function'),
    task: taskFacts,
    function: functionFacts,
    use: taskUse.optional().describe('What the task does with it.'),
  }),
  z.strictObject({
    question: z.literal('task_access_data'),
    task: taskFacts,
    data: dataFacts,
    use: taskUse.optional().describe('What the task does with it.'),
  }),
  z.strictObject({
    question: z.literal('staged_task'),
    task: taskFacts,
    function: functionFacts,
    data: z.array(dataFacts).describe('What is known of each of its data.'),
    use: taskUse.optional().describe('What the task does with it.'),
  }),
])
export type AccessQuestion = z.infer<typeof accessQuestion>

export const accessDecision = z.strictObject({
  allowed: z.boolean().describe('The answer.'),
  rule: z
    .string()
    .describe('The rule that decided, by its id; a refusal for want of a rule that allows names `default_deny`.'),
  reason: z.string().describe('Why, for people.'),
  policy_version: z.string().describe('Digest of all that decided.'),
})
export type AccessDecision = z.infer<typeof accessDecision>

export const access_control = protocol(
  'access_control',
  'Policy decisions for API calls and for multi-party data use',
  ['frontend', 'management'],
  {
    decide: {
      about: 'Answers one question from its facts, and names the rule',
      request: accessQuestion,
      reply: accessDecision,
      refuses: [],
    },
    get_policy: { ...policyMethods.get_policy, callers: ['frontend'] },
    put_policy: {
      ...policyMethods.put_policy,
      request: z.strictObject({ caller: callerIdentity, request: policyMethods.put_policy.request }),
      refuses: ['forbidden', ...policyMethods.put_policy.refuses],
      callers: ['frontend'],
    },
  },
)
