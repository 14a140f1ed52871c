/**
 * A protocol is data: a service's name, who may call it, and for each method the request, the reply and the refusals.
 * Typed clients, handler interfaces, admission, broker permissions and `$SRV` metadata are all read from it.
 */
import type { z } from 'zod'
import type { RefusalCode } from './refusal.ts'
import { Refusal } from './refusal.ts'

/** One method: what it takes, answers and refuses, and who may call it. */
export interface Method {
  /** One sentence for people: what the method does. */
  about: string
  request: z.ZodType
  reply: z.ZodType
  /** The refusals a caller should be ready for, beyond those that any method may give (`COMMON_REFUSALS`). */
  refuses: readonly RefusalCode[]
  /** Which users may call, where the method itself decides that, for people. */
  who?: string
  /** Overrides the protocol's callers for this method. */
  callers?: readonly string[]
  /**
   * False only where a second delivery of the same request would do more than the first; such a method is never
   * retried.
   */
  idempotent?: boolean
  /** The receiver must hold the signature before it acts: such a request carries its signature inside, never later. */
  signatureInside?: boolean
  /** May be called with a JSON body by a plain `nats req`: where the deployment accepts plain requests, or `always`. */
  plain?: boolean | 'always'
  /** A plain JSON body is this field of the request; absent: it is the request. */
  plainField?: string
}

/** Any method may answer with these: the door and the mailbox give them, not the handler. */
export const COMMON_REFUSALS: readonly RefusalCode[] = [
  'malformed',
  'unknown_version',
  'unknown_method',
  'invalid_request',
  'too_large',
  'misaddressed',
  'expired',
  'replayed',
  'stale_epoch',
  'not_admitted',
  'overloaded',
  'deadline_exceeded',
  'unavailable',
  'internal',
]

export type Methods = Record<string, Method>

/** What a service may be asked, and by whom. */
export interface Protocol<Name extends string = string, M extends Methods = Methods> {
  readonly name: Name
  readonly about: string
  readonly callers: readonly string[]
  readonly methods: M
}

/** What a handler of the method gets. */
export type RequestOf<P extends Protocol, K extends keyof P['methods']> = z.output<P['methods'][K]['request']>
/** What the method's caller gets. */
export type ReplyOf<P extends Protocol, K extends keyof P['methods']> = z.output<P['methods'][K]['reply']>
/** The names of the methods. */
export type MethodName<P extends Protocol> = keyof P['methods'] & string

/**
 * Declares what a service may be asked.
 * @param name the service's one name: its folder, its subject, its role in the manifest
 * @param callers who may call the methods that do not say otherwise: services by their names, `client` for an outside
 * party without a passport, `extension` for any service that the operator added, or `member` for any admitted member
 */
export function protocol<const Name extends string, const M extends Methods>(
  name: Name,
  about: string,
  callers: readonly string[],
  methods: M,
): Protocol<Name, M> {
  return Object.freeze({ name, about, callers, methods })
}

/** The callers of one method. */
export function callersOf(protocol: Protocol, method: string): readonly string[] {
  return protocol.methods[method]?.callers ?? protocol.callers
}

/** Parses a value by its schema, or refuses and says which field is wrong. */
export function parseBy<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const unknownKey = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined
  const path = [...(issue?.path ?? []), ...(unknownKey === undefined ? [] : [unknownKey])].map(String).join('.')
  throw new Refusal('invalid_request', `${what}: ${path === '' ? 'the body' : path} ${problem(issue)}`, {
    hint: `run "tacit schema ${what}" for what it takes`,
    ...(path === '' ? {} : { field: path }),
  })
}

function problem(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'is not valid'
  return issue.code === 'unrecognized_keys' ? 'is not known here' : `is not valid (${issue.message})`
}
