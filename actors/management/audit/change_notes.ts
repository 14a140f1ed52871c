/**
 * What management writes into the audit log: each state of a task, each change of a function or of data, and each
 * decision of access control that it acts on. That no decision came is a record too.
 */
import type { AccessQuestion, CallerIdentity, management } from '../../../messages/index.ts'
import { apiMethods, fromKeys } from '../../../messages/index.ts'
import type { AuditWriter, EndedCall, Events, Observer } from '../../../runtime/index.ts'
import { recordCalls } from '../../../runtime/index.ts'
import type { AccessClient } from '../access/access.ts'

/** Methods that change a function or data. What changes a task is recorded as the task's state. */
const CHANGES = /^(?:register|update|disable|delete)_/

/** The API's methods, and no others, take the caller beside the request. */
type ApiCall = EndedCall<{ caller: CallerIdentity; request: object }>

/**
 * No method of the API is begun whose records could not be written; those that change something are records themselves.
 */
export function changeNotes(audit: AuditWriter): Observer<typeof management> {
  const methods = Object.keys(apiMethods) as (keyof typeof apiMethods)[] // the keys that its type lists
  return recordCalls(
    fromKeys(methods, (method) => (CHANGES.test(method) ? noteChange : () => undefined)),
    audit,
  )
}

function noteChange(call: ApiCall) {
  if ('error' in call) return undefined
  const { caller, request } = call.request
  const [asked, made] = [idIn(request), idIn(call.reply)]
  const text = asked === undefined ? '' : (made ?? '')
  return { kind: 'change' as const, user: caller.user_id, object: asked ?? made ?? null, text }
}

/** Every change of a task is published to its watchers; what is published is recorded. */
export function auditedEvents(events: Events, audit: AuditWriter): Events {
  return {
    publish(subject, fields) {
      const { task_id, state, version } = fields
      if (typeof task_id === 'string' && typeof state === 'string') {
        audit.note({ kind: 'change', task: task_id, outcome: state, text: `version ${version}` })
      }
      events.publish(subject, fields)
    },
    subscribe: (subject, callback) => events.subscribe(subject, callback),
  }
}

export function auditedAccess(access: AccessClient, audit: AuditWriter): AccessClient {
  return {
    async decide(question, options) {
      const note = (outcome: string, text: string) =>
        audit.note({ kind: 'decision', ...about(question), outcome, text })
      try {
        const decision = await access.decide(question, options)
        const { allowed, rule, policy_version, reason } = decision
        const by = `rule ${rule} of policy ${policy_version.slice(0, 12)}`
        // Why it was allowed is what the rule says; why not depends on the facts.
        note(allowed ? 'allowed' : 'refused', allowed ? by : `${by}: ${reason}`)
        return decision
      } catch (error) {
        // No decision is a refusal.
        note('refused', 'access control gave no decision')
        throw error
      }
    },
  }
}

function about(question: AccessQuestion): { user?: string; task?: string; object?: string; method: string } {
  const method = question.question
  switch (question.question) {
    case 'api':
      return { method }
    case 'user_access_data':
      return { method, user: question.user_id, object: question.data.data_id }
    case 'user_access_function':
      return { method, user: question.user_id, object: question.function.function_id }
    case 'user_access_task':
      return { method, user: question.user_id, task: question.task.task_id }
    case 'task_access_function':
      return { method, task: question.task.task_id, object: question.function.function_id }
    case 'task_access_data':
      return { method, task: question.task.task_id, object: question.data.data_id }
    case 'staged_task':
      return { method, task: question.task.task_id, object: question.function.function_id }
  }
}

function idIn(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { function_id, data_id } = value as { function_id?: string; data_id?: string }
  return function_id ?? data_id
}
