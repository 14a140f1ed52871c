/**
 * What management writes into the audit log: each state of a task that it told, each change of a function or of data, and
 * each decision of access control that it acts on, the one that did not come too. Nothing is begun that could not be
 * written down.
 */
import type { AccessQuestion, CallerIdentity, management } from '../../../messages/index.ts'
import { apiMethods } from '../../../messages/index.ts'
import type { AuditWriter, Events, Handlers, LetterContext } from '../../../runtime/index.ts'
import type { AccessClient } from '../access/access.ts'

/** Methods that change a function or data; what changes a task is told as its state. */
const CHANGES = /^(?:register|update|disable|delete)_/

type Handler = (request: { caller: CallerIdentity; request: object }, context: LetterContext) => unknown

export function auditedHandlers(
  handlers: Handlers<typeof management>,
  audit: AuditWriter,
): Handlers<typeof management> {
  const audited = Object.keys(apiMethods).map((method) => {
    // The API's methods, and no others, take the caller beside the request.
    const handle = handlers[method as keyof typeof apiMethods] as Handler
    const handled: Handler = async (letter, context) => {
      audit.admit()
      const reply = await handle(letter, context)
      if (CHANGES.test(method)) {
        const object = idIn(letter.request) ?? idIn(reply)
        const text = idIn(letter.request) === undefined ? '' : (idIn(reply) ?? '')
        audit.note({ kind: 'change', user: letter.caller.user_id, method, object: object ?? null, outcome: 'ok', text })
      }
      return reply
    }
    return [method, handled]
  })
  return { ...handlers, ...Object.fromEntries(audited) } as Handlers<typeof management> // the same methods once more
}

/** Every change of a task is told to its watchers; the same telling is its record. */
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
