/**
 * What authentication writes into the audit log: one record for each call of its API, with whose session it was, whom
 * it is about, and how it went. Never a password or a token. An id that somebody typed at a login is written only if
 * there is such a user, since people type passwords into the wrong field.
 */
import type { MethodName } from '../../messages/index.ts'
import { authentication } from '../../messages/index.ts'
import type { AuditWriter, CallFacts, EndedCall, Observer } from '../../runtime/index.ts'
import { recordCalls, recordRefusals, wordsOfCall } from '../../runtime/index.ts'

/** What a handler finds out about a call. */
export interface AccountFacts {
  /** Whose session was verified. */
  user: string
  /** The user whom the call is about. */
  object: string
  /** What was done, once it is done. */
  text: string
}

/** Questions of other services, which change nothing. Whatever they are asked for is a record of whoever asks. */
type Unnoted = 'user_authenticate' | 'get_session_keys' | 'users_exist'

/** @param facts what handlers find out about the calls that are noted */
export function accountNotes(
  facts: CallFacts<AccountFacts>,
  audit: Pick<AuditWriter, 'admit' | 'note'>,
): Observer<typeof authentication> {
  const note = (call: EndedCall) => {
    const { user, object, text } = facts.of(call.context)
    return { kind: 'call' as const, user: user ?? null, object: object ?? null, text: wordsOfCall(call, user, text) }
  }
  const notes = {
    user_login: note,
    user_logout: note,
    user_register: note,
    user_update: note,
    user_change_password: note,
    reset_user_password: note,
    delete_user: note,
    list_users: note,
  } satisfies Record<Exclude<MethodName<typeof authentication>, Unnoted>, typeof note>
  return { ...recordCalls(notes, audit), onRefused: recordRefusals(authentication, audit) }
}
