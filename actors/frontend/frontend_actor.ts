/**
 * The frontend treats every API method alike: whose token, may this role call it, forward it to management, one line for
 * the audit. It looks into no request, except for the id of the task that the line names.
 */
import type { SessionCache, SessionClaims } from '../../attestation/index.ts'
import { verifySessionToken } from '../../attestation/index.ts'
import type { CallerIdentity, DoorMethod } from '../../messages/index.ts'
import { digestJson, frontend, Refusal } from '../../messages/index.ts'
import type { Actor, AskOptions, Clock, Handlers, LetterContext, Log } from '../../runtime/index.ts'
import { actor } from '../../runtime/index.ts'
import type { ApiGate } from './api_gate.ts'
import type { SessionWatch } from './session_watch.ts'

/** How each method is carried out: by management on behalf of the caller, by access control, or by the coordinator. */
export type Forward = Record<
  DoorMethod,
  (caller: CallerIdentity, request: unknown, options: AskOptions) => Promise<unknown>
>

/** Methods that wait by design: one try has all the time there is. */
const WAITING: readonly DoorMethod[] = ['watch_task']

export interface FrontendParts {
  watch: SessionWatch
  gate: ApiGate
  cache: SessionCache
  forward: Forward
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
  return actor(frontend, Object.fromEntries(handlers) as Handlers<typeof frontend>)
}

async function serve(
  parts: FrontendParts,
  method: DoorMethod,
  api: ApiRequest,
  context: LetterContext,
): Promise<unknown> {
  const { gate, forward, clock, log } = parts
  const startedAtMs = clock.now()
  let claims: SessionClaims | undefined
  const audit = (outcome: string, reply?: unknown) => {
    const task = taskIdIn(api.request) ?? taskIdIn(reply)
    const line = { user: claims?.user_id ?? null, method, task, outcome, ms: clock.now() - startedAtMs }
    log.info(line, 'api call')
  }
  try {
    claims = await verifySession(parts, api.session, context)
    await gate.check(claims.role, method)
    const caller = { user_id: claims.user_id, role: claims.role, attribute: claims.attribute }
    const timeoutMs = context.deadlineMs - clock.now()
    if (timeoutMs <= 0) throw new Refusal('deadline_exceeded', `there was no time left for ${method}`)
    // Plain requests name their own ids: with the user's, one user's request is never taken for another's. A digest,
    // because both together may be longer than a letter's key.
    const idempotencyKey = digestJson([claims.user_id, context.requestId])
    const waiting = WAITING.includes(method) ? { attemptMs: timeoutMs } : {}
    const options = { timeoutMs, signal: context.signal, idempotencyKey, ...waiting }
    const reply = await forward[method](caller, api.request, options)
    audit('ok', reply)
    return reply
  } catch (error) {
    audit(error instanceof Refusal ? error.code : 'internal')
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

function taskIdIn(value: unknown): string | null {
  const id = typeof value === 'object' && value !== null && 'task_id' in value ? value.task_id : undefined
  return typeof id === 'string' ? id : null
}
