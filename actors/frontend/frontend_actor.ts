/**
 * The frontend treats every API method alike: it verifies whose token it is, asks whether this role may call the
 * method, forwards the call, and writes one record for the audit. It looks into no request, except for the ids that the
 * record names. Without room for the record, no call.
 */
import type { SessionCache, SessionClaims } from '../../attestation/index.ts'
import { verifySessionToken } from '../../attestation/index.ts'
import type { CallerIdentity, DoorMethod } from '../../messages/index.ts'
import { digestJson, frontend, fromKeys, Refusal } from '../../messages/index.ts'
import type {
  Actor,
  AskOptions,
  AuditWriter,
  Clock,
  EndedCall,
  Handlers,
  LetterContext,
  Log,
} from '../../runtime/index.ts'
import { actor, CallFacts, recordCalls, recordRefusals, wordsOfCall } from '../../runtime/index.ts'
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

/** What is found out about a call on its way. */
interface DoorFacts {
  startedAtMs: number
  user: string
  /** The role and the rule that let it pass. */
  rule: string
}

/** What serves a call, and what is found out about it. */
type Tools = FrontendParts & { facts: CallFacts<DoorFacts> }

export function frontendActor(given: FrontendParts): Actor<typeof frontend> {
  const parts = { ...given, facts: new CallFacts<DoorFacts>() }
  const methods = Object.keys(frontend.methods) as DoorMethod[] // its keys are what DoorMethod is made of
  const handlers = fromKeys(
    methods,
    (method) => (request: ApiRequest, context: LetterContext) => serve(parts, method, request, context),
  )
  const notes = fromKeys(
    methods,
    (method) => (call: EndedCall<ApiRequest>, outcome: string) => noteCall(parts, method, call, outcome),
  )
  return actor(
    frontend,
    // Management's replies are checked by management's protocol, which is made of the same schemas as ours.
    handlers as unknown as Handlers<typeof frontend>,
    { ...recordCalls(notes, parts.audit), onRefused: recordRefusals(frontend, parts.audit) },
  )
}

async function serve(
  parts: Tools,
  method: DoorMethod,
  { session, request }: ApiRequest,
  context: LetterContext,
): Promise<unknown> {
  const { gate, forward, facts, clock } = parts
  facts.tell(context, { startedAtMs: clock.now() })
  const claims = await verifySession(parts, session, context)
  facts.tell(context, { user: claims.user_id })
  const { rule, policy_version } = await gate.check(claims.role, method)
  facts.tell(context, { rule: `${claims.role}, rule ${rule} of policy ${policy_version.slice(0, 12)}` })
  const caller = { user_id: claims.user_id, role: claims.role, attribute: claims.attribute }
  const timeoutMs = context.deadlineMs - clock.now()
  if (timeoutMs <= 0) throw new Refusal('deadline_exceeded', `there was no time left for ${method}`)
  // Plain requests name their own ids: with the user's, one user's request is never taken for another's. A digest,
  // because both together may be longer than a letter's key.
  const idempotencyKey = digestJson([claims.user_id, context.requestId])
  const waiting = WAITING.includes(method) ? { attemptMs: timeoutMs } : {}
  return forward[method](caller, request, { timeoutMs, signal: context.signal, idempotencyKey, ...waiting })
}

/** Writes the call into the log of this process too, with how long it took. */
function noteCall({ facts, clock, log }: Tools, method: DoorMethod, call: EndedCall<ApiRequest>, outcome: string) {
  const nowMs = clock.now()
  const { startedAtMs = nowMs, user, rule } = facts.of(call.context)
  const { request } = call.request
  const task = idIn(request, 'task_id') ?? idIn(call.reply, 'task_id')
  const object = OBJECTS.map((field) => idIn(request, field) ?? idIn(call.reply, field)).find((id) => id !== null)
  log.info({ user: user ?? null, method, task, outcome, ms: nowMs - startedAtMs }, 'api call')
  return {
    kind: 'call' as const,
    user: user ?? null,
    task,
    object: object ?? null,
    text: wordsOfCall(call, user, rule),
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

function idIn(value: unknown, field: string): string | null {
  const id = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : undefined
  return typeof id === 'string' ? id : null
}
