/**
 * What the model says to a call: a reply, or refusals any of which will do. Where a request has several faults, the
 * specification does not say which is told first.
 */
import type { Role } from '../../../messages/index.ts'
import type { Session, World } from './world.ts'

/** A command as it was sent: by which session, through whose connection. */
export interface Call {
  method: string
  /** The session's token. Absent: without one. */
  session?: string
  /** True when it went through a connection whose key the session is not bound to. */
  stolen?: boolean
  request: Record<string, unknown>
}

/** How it was answered: `ok` with a reply whose byte strings are base64, or a refusal's code. */
export interface Observed {
  code: string
  reply?: unknown
  /** ms since 1970, when it was sent. */
  sentAtMs: number
}

export type Answer = { refuses: readonly string[] } | { reply: unknown }

/** Who calls, as management is told. */
export interface Who {
  id: string
  role: Role
  attribute: string | null
}

/** A handler of the model: it changes the world it is handed where it answers with a reply. */
export type Handle = (world: World, who: Who, request: never, observed: Observed) => Answer

export function refuse(...codes: readonly string[]): Answer {
  return { refuses: codes }
}

export function reply(value: unknown): Answer {
  return { reply: value }
}

export const DONE: Answer = { reply: {} }

/** What cannot be foretold is taken from the reply: ids, times, tokens. */
export function told(observed: Observed, field: string): string {
  const value = (observed.reply as Record<string, unknown> | undefined)?.[field]
  return typeof value === 'string' ? value : `no ${field}`
}

export function whoOf({ user, role, attribute }: Session): Who {
  return { id: user, role, attribute }
}

/** Whether an observed answer is one that was expected; undefined when it is. */
export function contradiction(answer: Answer, observed: Observed): string | undefined {
  if ('refuses' in answer) {
    if (answer.refuses.includes(observed.code)) return undefined
    return `expected ${answer.refuses.join(' or ')}, was ${observed.code}`
  }
  if (observed.code !== 'ok') return `expected ok, was ${observed.code}`
  const [expected, was] = [canonical(answer.reply), canonical(observed.reply)]
  return expected === was ? undefined : `expected ${expected}, was ${was}`
}

/** One text for one value, whatever the order of its keys; written here once more, for the digests of terms. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const record = value as Record<string, unknown>
  const keys = Object.keys(record).filter((key) => record[key] !== undefined)
  const fields = keys.sort().map((key) => `${JSON.stringify(key)}:${canonical(record[key])}`)
  return `{${fields.join()}}`
}
