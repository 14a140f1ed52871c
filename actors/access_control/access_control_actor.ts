/**
 * Access control answers one question from the facts that come with it, by the policy in force. It asks nobody for
 * facts; all it keeps in storage is the policy itself. Each change of the policy is a record of the audit log;
 * decisions are written down by whoever acts on them.
 */
import type { AccessDecision, AccessQuestion, ReplyOf, RequestOf } from '../../messages/index.ts'
import { access_control, Refusal } from '../../messages/index.ts'
import type { Actor, AuditWriter, EndedCall, Handlers } from '../../runtime/index.ts'
import { actor, recordCalls } from '../../runtime/index.ts'
import type { PolicyInForce, PolicyKeeper } from './policy_keeper.ts'
import type { StorageClient } from './stored_policy.ts'
import { readVersion } from './stored_policy.ts'

/** Decided by the code alone if the stored policy does not fit the code: otherwise nobody could mend it. */
const MENDING: readonly string[] = ['get_policy', 'put_policy']

export function accessControlActor(
  keeper: PolicyKeeper,
  store: StorageClient,
  audit: Pick<AuditWriter, 'admit' | 'note'>,
): Actor<typeof access_control> {
  const handlers: Handlers<typeof access_control> = {
    async decide(question) {
      return decideBy(await keeper.current(), keeper, question)
    },

    async get_policy({ version }) {
      const { record: present, version: current } = await keeper.current()
      const record = version === undefined || version === current ? present : await readVersion(store, version)
      const documents = record?.documents ?? {}
      return {
        version: record?.version ?? 0,
        policy_version: keeper.versionOf(documents),
        documents,
        built_in: keeper.builtIn.builtIn,
        changed_by: record?.changed_by ?? null,
        changed_at: record?.changed_at ?? null,
      }
    },

    async put_policy({ caller, request }, { requestId }) {
      // The frontend has asked already; what changes the answers to come is asked about twice.
      const question = { question: 'api', role: caller.role, method: 'put_policy' } as const
      const { allowed, rule } = decideBy(await keeper.current(), keeper, question)
      if (!allowed) {
        throw new Refusal('forbidden', `a ${caller.role} may not change the policy`, { hint: `rule ${rule} says so` })
      }
      const { version, policy } = await keeper.replace({ ...request, by: caller.user_id, requestId })
      return { version, policy_version: policy.version }
    },
  }
  return actor(access_control, handlers, recordCalls({ put_policy: notePolicy }, audit))
}

type PutPolicy = EndedCall<
  RequestOf<typeof access_control, 'put_policy'>,
  Pick<ReplyOf<typeof access_control, 'put_policy'>, 'version' | 'policy_version'>
>

function notePolicy({ request: { caller, request }, reply }: PutPolicy) {
  if (reply === undefined) return undefined
  const documents = Object.keys(request.documents).join(', ') || 'none'
  // Decisions name the beginning of this digest, so it is found here which policy that was.
  const text = `version ${reply.version}, policy ${reply.policy_version}, documents: ${documents}`
  return { kind: 'change' as const, user: caller.user_id, text }
}

function decideBy(
  { policy, version }: PolicyInForce,
  { builtIn }: PolicyKeeper,
  question: AccessQuestion,
): AccessDecision {
  if (policy !== undefined) return policy.decide(question)
  if (question.question === 'api' && MENDING.includes(question.method)) return builtIn.decide(question)
  return {
    allowed: false,
    rule: 'policy_damaged',
    reason: `version ${version} of the policy does not fit this code, so nothing is allowed`,
    policy_version: builtIn.version,
  }
}
