/**
 * Calls as records of the audit log. A service says for each method what is noted of a call; whatever is not noted here
 * is no record. Without room for the record, no call.
 */
import type { z } from 'zod'
import type { MethodName, Protocol, RequestOf } from '../../messages/index.ts'
import { mapValues, Refusal } from '../../messages/index.ts'
import type { CallObserver, EndedCall, LetterContext, Observer } from '../actor.ts'
import { auditWordsOf } from './audit_writer.ts'
import type { AuditNote, AuditWriter } from './audit_writer.ts'

/**
 * What is noted of a call, beside its method and outcome; nothing, where it returns undefined.
 * @param outcome `ok`, the code of the refusal, or `internal`
 */
export type CallNote<Request = unknown, Reply = unknown> = (
  call: EndedCall<Request, Reply>,
  outcome: string,
) => Omit<AuditNote, 'method' | 'outcome'> | undefined

/** By method. A method that is not here is neither noted nor kept waiting by a full log. */
export type CallNotes<P extends Protocol> = {
  readonly [K in MethodName<P>]?: CallNote<RequestOf<P, K>, z.input<P['methods'][K]['reply']>>
}

type Audit = Pick<AuditWriter, 'admit' | 'note'>

/** Notes calls as `notes` says. Nothing is begun that could not be written down. */
export function recordCalls<P extends Protocol>(notes: CallNotes<P>, audit: Audit): Observer<P> {
  const observe = (note: CallNote | undefined, method: string): CallObserver => ({
    admit: () => audit.admit(),
    ended(call) {
      const outcome = outcomeOf(call)
      const fields = note?.(call, outcome)
      if (fields !== undefined) audit.note({ ...fields, method, outcome })
    },
  })
  // Each method keeps its own note, which the type of the map forgets.
  return { calls: mapValues(notes as Readonly<Record<string, CallNote>>, observe) as Observer<P>['calls'] }
}

/**
 * Notes what was refused before it came to a handler. Whoever sent it is not known, so nothing that they could make up
 * is repeated.
 */
export function recordRefusals(protocol: Protocol, audit: Audit): (method: string, refusal: Refusal) => void {
  return (method, { code }) =>
    audit.note({ kind: 'call', method: Object.hasOwn(protocol.methods, method) ? method : null, outcome: code })
}

/** The words of a record: `text` for a call that ended well, and a refusal's own words once its user is known. */
export function wordsOfCall(call: EndedCall, user: string | undefined, text = ''): string {
  if (!('error' in call)) return text
  return call.error instanceof Refusal && user !== undefined ? auditWordsOf(call.error) : ''
}

function outcomeOf(call: EndedCall): string {
  if (!('error' in call)) return 'ok'
  return call.error instanceof Refusal ? call.error.code : 'internal'
}

/** What a handler finds out about a call on its way, for the record of it. */
export class CallFacts<Facts extends object> {
  readonly #facts = new WeakMap<LetterContext, Partial<Facts>>()

  tell(context: LetterContext, facts: Partial<Facts>): void {
    this.#facts.set(context, { ...this.#facts.get(context), ...facts })
  }

  of(context: LetterContext): Partial<Facts> {
    return this.#facts.get(context) ?? {}
  }
}
