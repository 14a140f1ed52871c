/**
 * The frontend treats every API method alike: whose token, may this role call it, forward it to management, one record for
 * the audit. It looks into no request, except for the ids that the record names. Without room for the record, no call.
 */
import type { SessionCache, SessionClaims } from '../../attestation/index.ts'
import { verifySessionToken } from '../../attestation/index.ts'
import type { CallerIdentity, DoorMethod } from '../../messages/index.ts'
import { digestJson, frontend, Refusal } from '../../messages/index.ts'
import type { Actor, AskOptions, AuditWriter, Clock, Handlers, LetterContext, Log } from '../../runtime/index.ts'
import { actor, auditWordsOf } from '../../runtime/index.ts'
import type { ApiGate } from './api_gate.ts'
import type { SessionWatch } from './session_watch.ts'

/** How each method is carried out: by management on behalf of the caller, by access control, or by the coordinator. */
export type Forward = Record<
  DoorMethod,
  (caller: CallerIdentity, request: unknown, options: AskOptions) => Promise<unknown>
>

/** Methods that wait by design: one try has all the time there is. */
const WAITING: readonly DoorMethod[] = ['watch_task', 'verify_audit_log']

/** Fields of requests and replies that name what a call is about. */
const OBJECTS = ['function_id', 'data_id', 'member']

export interface FrontendParts {
  watch: SessionWatch
  gate: ApiGate
  cache: SessionCache
  forward: Forward
  audit: Pick<AuditWriter, 'admit' | 'note'>
  clock: Clock
  log: Log
}

interface ApiRequest {
  session?: string | undefined
  request: unknown
}

export function frontendActor(parts: FrontendParts): Actor<typeof frontend> {
  const methods = Object.keys(frontend.methods) as DoorMethod[] // its keys are what DoorMethod is made of
  const handlers = methods.map((method) => [
    method,
    (request: ApiRequest, context: LetterContext) => serve(parts, method, request, context),
  ])
  // Management's replies are checked by management's protocol, which is made of the same schemas as ours.
  const served = actor(frontend, Object.fromEntries(handlers) as Handlers<typeof frontend>)
  return {
    ...served,
    // Whoever sends it is not known yet, so nothing that he could make up is repeated.
    onRefused: (method, { code }) =>
      parts.audit.note({ kind: 'call', method: isMethod(method) ? method : null, outcome: code }),
  }
}

async function serve(
  parts: FrontendParts,
  method: DoorMethod,
  api: ApiRequest,
  context: LetterContext,
): Promise<unknown> {
  const { gate, forward, audit, clock, log } = parts
  const startedAtMs = clock.now()
  let claims: SessionClaims | undefined
  const record = (outcome: string, text: string, reply?: unknown) => {
    const task = idIn(api.request, 'task_id') ?? idIn(reply, 'task_id')
    const object = OBJECTS.map((field) => idIn(api.request, field) ?? idIn(reply, field)).find((id) => id !== null)
    const user = claims?.user_id ?? null
    audit.note({ kind: 'call', user, method, task, object: object ?? null, outcome, text })
    log.info({ user, method, task, outcome, ms: clock.now() - startedAtMs }, 'api call')
  }
  audit.admit()
  try {
    claims = await verifySession(parts, api.session, context)
    const { rule, policy_version } = await gate.check(claims.role, method)
    const caller = { user_id: claims.user_id, role: claims.role, attribute: claims.attribute }
    const timeoutMs = context.deadlineMs - clock.now()
    if (timeoutMs <= 0) throw new Refusal('deadline_exceeded', `there was no time left for ${method}`)
    // Plain requests name their own ids: with the user's, one user's request is never taken for another's. A digest,
    // because both together may be longer than a letter's key.
    const idempotencyKey = digestJson([claims.user_id, context.requestId])
    const waiting = WAITING.includes(method) ? { attemptMs: timeoutMs } : {}
    const options = { timeoutMs, signal: context.signal, idempotencyKey, ...waiting }
    const reply = await forward[method](caller, api.request, options)
    record('ok', `${claims.role}, rule ${rule} of policy ${policy_version.slice(0, 12)}`, reply)
    return reply
  } catch (error) {
    const isRefusal = error instanceof Refusal
    record(isRefusal ? error.code : 'internal', isRefusal && claims !== undefined ? auditWordsOf(error) : '')
    throw error
  }
}

async function verifySession(
  { watch, cache, clock }: FrontendParts,
  session: string | undefined,
  { sender, plain, bearer }: LetterContext,
): Promise<SessionClaims> {
  const { keys, generations, endedSessions } = await watch.current()
  const presenter = { id: sender.id, plain }
  const circumstances = { nowMs: clock.now(), presenter, generations, endedSessions }
  return verifySessionToken(plain ? bearer : session, keys, circumstances, cache)
}

function isMethod(name: string): boolean {
  return Object.hasOwn(frontend.methods, name)
}

function idIn(value: unknown, field: string): string | null {
  const id = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : undefined
  return typeof id === 'string' ? id : null
}
