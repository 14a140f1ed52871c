/**
 * A refusal is an expected answer: a code from one closed list, a text for people that names the next step,
 * and an advice for programs. Anything else that is thrown is a defect and reaches a caller only as `internal`.
 * Codes are added, never renamed.
 */
import { defined } from './fields.ts'

/** What a program should do: `fix` the request, `retry` the same one later, or `stop` trusting the other side. */
export type Advice = 'fix' | 'retry' | 'stop'

/** Each code: its advice, and the number that the NATS service protocol wants (`Nats-Service-Error-Code`). */
export const REFUSALS = {
  malformed: { advice: 'fix', status: 400 },
  unknown_version: { advice: 'fix', status: 400 },
  unknown_method: { advice: 'fix', status: 404 },
  invalid_request: { advice: 'fix', status: 400 },
  too_large: { advice: 'fix', status: 413 },
  misaddressed: { advice: 'stop', status: 421 },
  expired: { advice: 'retry', status: 408 },
  replayed: { advice: 'stop', status: 409 },
  stale_epoch: { advice: 'retry', status: 425 },
  not_admitted: { advice: 'stop', status: 401 },
  platform_untrusted: { advice: 'stop', status: 495 },
  revoked: { advice: 'stop', status: 403 },
  plain_not_accepted: { advice: 'fix', status: 426 },
  unauthenticated: { advice: 'fix', status: 401 },
  wrong_credentials: { advice: 'fix', status: 401 },
  locked_out: { advice: 'retry', status: 429 },
  forbidden: { advice: 'fix', status: 403 },
  not_found: { advice: 'fix', status: 404 },
  already_exists: { advice: 'fix', status: 409 },
  conflict: { advice: 'retry', status: 409 },
  not_ready: { advice: 'fix', status: 409 },
  stale_terms: { advice: 'fix', status: 409 },
  task_ended: { advice: 'fix', status: 410 },
  lease_lost: { advice: 'stop', status: 410 },
  policy_invalid: { advice: 'fix', status: 422 },
  quota_exceeded: { advice: 'fix', status: 429 },
  overloaded: { advice: 'retry', status: 503 },
  deadline_exceeded: { advice: 'retry', status: 504 },
  unavailable: { advice: 'retry', status: 503 },
  canceled: { advice: 'stop', status: 499 },
  unsupported: { advice: 'fix', status: 501 },
  tag_mismatch: { advice: 'stop', status: 422 },
  function_failed: { advice: 'fix', status: 422 },
  receipt_invalid: { advice: 'stop', status: 422 },
  state_in_use: { advice: 'fix', status: 423 },
  state_damaged: { advice: 'stop', status: 500 },
  port_taken: { advice: 'fix', status: 500 },
  no_broker: { advice: 'fix', status: 503 },
  internal: { advice: 'retry', status: 500 },
} as const satisfies Record<string, { advice: Advice; status: number }>

/** A code of the closed list `REFUSALS`. */
export type RefusalCode = keyof typeof REFUSALS

/** The form in which a refusal travels; `field` names the part of the request that is at fault, as a dotted path. */
export interface RefusalNote {
  code: RefusalCode
  message: string
  hint?: string
  field?: string
}

/** An expected no, from this side or the other: a code for programs, a text for people, and the next step. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode
  readonly hint: string | undefined
  readonly field: string | undefined

  constructor(code: RefusalCode, message: string, more: { hint?: string; field?: string; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.code = code
    this.hint = more.hint
    this.field = more.field
  }

  get advice(): Advice {
    return REFUSALS[this.code].advice
  }

  get status(): number {
    return REFUSALS[this.code].status
  }

  toNote(): RefusalNote {
    return {
      code: this.code,
      message: this.message,
      ...defined({ hint: this.hint, field: this.field }),
    }
  }
}

/** Rebuilds a refusal that came from elsewhere; a code this version does not know counts as `internal`. */
export function parseRefusal(note: unknown): Refusal {
  const { code, message, hint, field } = (typeof note === 'object' && note !== null ? note : {}) as Partial<RefusalNote>
  const known = typeof code === 'string' && Object.hasOwn(REFUSALS, code) ? code : 'internal'
  return new Refusal(known, typeof message === 'string' ? message : 'the answer was not understood', {
    ...defined({
      hint: typeof hint === 'string' ? hint : undefined,
      field: typeof field === 'string' ? field : undefined,
    }),
  })
}

/** True when asking the same thing again later may well succeed. */
export function isRetryable(error: unknown): boolean {
  return error instanceof Refusal && error.advice === 'retry'
}

/**
 * True for a refusal with one of the codes; for any refusal when none is named. Whatever else is thrown is a defect,
 * which a caller cannot handle. Programs never match on a refusal's text.
 *
 *     if (isRefusal(error, 'stale_terms')) ...
 */
export function isRefusal<Code extends RefusalCode = RefusalCode>(
  error: unknown,
  ...codes: readonly Code[]
): error is Refusal & { readonly code: Code } {
  if (!(error instanceof Refusal)) return false
  const wanted: readonly RefusalCode[] = codes
  return wanted.length === 0 || wanted.includes(error.code)
}
