/**
 * What authentication writes into the audit log: one record for each call of its API, with whose session it was, whom it
 * is about, and how it went. Never a password or a token; and of an id that somebody typed at a login only one that there
 * is, since people type passwords into the wrong field. Without room for the record, no call.
 */
import type { authentication } from '../../messages/index.ts'
import { Refusal } from '../../messages/index.ts'
import type { Actor, AuditWriter, Handlers, LetterContext } from '../../runtime/index.ts'
import { auditWordsOf } from '../../runtime/index.ts'

/** Questions of other services that change nothing; what they are asked for is a record of who asks. */
const UNWRITTEN: readonly string[] = ['user_authenticate', 'get_session_keys', 'users_exist']

/** What a handler finds out about a call on its way, for the record of it. */
export class CallFacts {
  readonly #facts = new WeakMap<LetterContext, { user?: string; object?: string; text?: string }>()

  /** @param facts `user`: whose session was verified; `object`: the user that it is about */
  tell(context: LetterContext, facts: { user?: string; object?: string; text?: string }): void {
    this.#facts.set(context, { ...this.#facts.get(context), ...facts })
  }

  of(context: LetterContext): { user?: string; object?: string; text?: string } {
    return this.#facts.get(context) ?? {}
  }
}

type Handler = (request: object, context: LetterContext) => unknown

export function auditedActor(
  { protocol, handlers }: Actor<typeof authentication>,
  facts: CallFacts,
  audit: Pick<AuditWriter, 'admit' | 'note'>,
): Actor<typeof authentication> {
  const note = (method: string, context: LetterContext, outcome: string, words: string) => {
    const { user = null, object = null, text = '' } = facts.of(context)
    audit.note({ kind: 'call', user, method, object, outcome, text: outcome === 'ok' ? text : words })
  }
  const audited = Object.entries(handlers).map(([method, handle]) => {
    const handled: Handler = async (request, context) => {
      audit.admit()
      try {
        const reply = await (handle as Handler)(request, context)
        note(method, context, 'ok', '')
        return reply
      } catch (error) {
        const isRefusal = error instanceof Refusal
        const isKnown = facts.of(context).user !== undefined
        note(method, context, isRefusal ? error.code : 'internal', isRefusal && isKnown ? auditWordsOf(error) : '')
        throw error
      }
    }
    return [method, UNWRITTEN.includes(method) ? handle : handled]
  })
  return {
    protocol,
    handlers: Object.fromEntries(audited) as Handlers<typeof authentication>, // the same methods once more
    // Whoever sends it is not known, so nothing that he could make up is repeated.
    onRefused: (method, { code }) =>
      audit.note({ kind: 'call', method: Object.hasOwn(protocol.methods, method) ? method : null, outcome: code }),
  }
}
