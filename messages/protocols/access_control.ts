/** What access control may be asked: one question, its facts, and the rule that decides. */
import { z } from 'zod'
import { dataId, functionId, taskId, userId } from '../ids.ts'
import { protocol } from '../protocol.ts'
import { role } from '../user.ts'

const functionFacts = z.strictObject({ function_id: functionId, owner: userId, public: z.boolean() })
const dataFacts = z.strictObject({ data_id: dataId, owners: z.array(userId) })

export const accessQuestion = z.discriminatedUnion('question', [
  z.strictObject({ question: z.literal('api'), role, method: z.string().max(64) }),
  z.strictObject({ question: z.literal('user_access_data'), user_id: userId, data: dataFacts }),
  z.strictObject({
    question: z.literal('user_access_function'),
    user_id: userId,
    attribute: z.string().nullable(),
    function: functionFacts.extend({ allowlist: z.array(z.string()) }),
  }),
  z.strictObject({
    question: z.literal('user_access_task'),
    user_id: userId,
    task: z.strictObject({ task_id: taskId, parties: z.array(userId) }),
  }),
  z.strictObject({
    question: z.literal('staged_task'),
    task: z.strictObject({ task_id: taskId, parties: z.array(userId) }),
    function: functionFacts,
    data: z.array(dataFacts),
  }),
])
export type AccessQuestion = z.infer<typeof accessQuestion>

export const accessDecision = z.strictObject({
  allowed: z.boolean(),
  /** The rule that decided, by name; a refusal by default names `default_deny`. */
  rule: z.string(),
  reason: z.string(),
  policy_version: z.string(),
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
  },
)
