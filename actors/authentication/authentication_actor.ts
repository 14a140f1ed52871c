/**
 * Authentication keeps users and opens sessions. Handlers look up and decide nothing by themselves: rights are in
 * `rights.ts`, comparing passwords in `login_guard.ts`, changes in `user_changes.ts`, tokens in `sessions.ts`.
 */
import { randomUUID } from 'node:crypto'
import { authentication, defined, digestJson } from '../../messages/index.ts'
import type { Actor, AuditWriter, Clock, Handlers, LetterContext, Log } from '../../runtime/index.ts'
import { actor, CallFacts } from '../../runtime/index.ts'
import type { AccountFacts } from './account_notes.ts'
import { accountNotes } from './account_notes.ts'
import { findMissing, listRevocations, listUsers } from './listing.ts'
import type { LoginGuard } from './login_guard.ts'
import type { PasswordHasher } from './password.ts'
import { randomPassword } from './password.ts'
import type { StorageClient } from './record_store.ts'
import { put, tryCommit } from './record_store.ts'
import type { Person } from './rights.ts'
import {
  checkDelete,
  checkManages,
  checkPosition,
  checkRegister,
  checkResetPassword,
  checkUpdate,
  updatedPosition,
  visibleAttribute,
} from './rights.ts'
import type { PresentedSession, Sessions } from './sessions.ts'
import { isOwnEnd, requireUser, sessionOver } from './sessions.ts'
import { addUser, changeUser, endSession } from './user_changes.ts'

export interface AuthenticationParts {
  store: StorageClient
  sessions: Sessions
  guard: LoginGuard
  hasher: PasswordHasher
  audit: Pick<AuditWriter, 'admit' | 'note'>
  clock: Clock
  log: Log
}

export function authenticationActor(parts: AuthenticationParts): Actor<typeof authentication> {
  const { store, sessions, guard, hasher, audit, clock, log } = parts
  const facts = new CallFacts<AccountFacts>()

  /** A plain request carries its token in the header alone: one place to look for it, and one to redact. */
  async function present(
    { session, id }: { session?: string | undefined; id?: string },
    context: LetterContext,
  ): Promise<PresentedSession> {
    const presenter = { id: context.sender.id, plain: context.plain }
    const presented = await sessions.present(context.plain ? context.bearer : session, presenter)
    facts.tell(context, { user: presented.claims.user_id, ...defined({ object: id }) })
    return presented
  }

  // A plain request names its own id, so an id counts only together with its caller's. A digest keeps records small.
  const requestOf = (caller: { id: string }, context: LetterContext) => ({
    id: digestJson([caller.id, context.requestId]),
    nowMs: clock.now(),
  })
  const isDone = (session: PresentedSession, context: LetterContext) =>
    isOwnEnd(session, requestOf({ id: session.claims.user_id }, context).id)

  const record = (text: string, by: string, user: string) => log.info({ by, user }, text)

  const handlers: Handlers<typeof authentication> = {
    async user_login({ id, password }, context) {
      const user = await guard.check(id, password, context.signal, () => facts.tell(context, { object: id }))
      facts.tell(context, { user: id, text: context.plain ? 'a plain session' : 'a sealed session' })
      if (hasher.isOutdated(user.value.scrypt)) {
        // Only now do we have the password to hash again; if the user changes meanwhile, the next login will do it.
        const scrypt = await hasher.hash(password, context.signal)
        await tryCommit(store, [put(user, { ...user.value, scrypt })])
      }
      return sessions.issue(user.value, { id: context.sender.id, plain: context.plain })
    },

    async user_register(request, context) {
      const caller = requireUser(await present(request, context))
      const position = { role: request.role, attribute: request.attribute ?? null }
      checkRegister(caller, position)
      checkPosition(position)
      const scrypt = await hasher.hash(request.password, context.signal)
      const now = requestOf(caller, context)
      await addUser(store, { id: request.id, ...position, scrypt, created_at: now.nowMs, request_id: now.id })
      facts.tell(context, { text: positionText(position) })
      record('user registered', caller.id, request.id)
      return {}
    },

    async user_update(request, context) {
      const session = await present(request, context)
      if (isDone(session, context)) return {}
      const caller = requireUser(session)
      checkManages(caller)
      const scrypt = request.password === undefined ? undefined : await hasher.hash(request.password, context.signal)
      await changeUser(store, {
        id: request.id,
        request: requestOf(caller, context),
        check: (before) =>
          checkUpdate(caller, before, before === undefined ? undefined : updatedPosition(before, request)),
        change: (before) => {
          const after = updatedPosition(before, request)
          checkPosition(after)
          const same = after.role === before.role && after.attribute === before.attribute
          return same && scrypt === undefined ? 'unchanged' : { ...before, ...after, scrypt: scrypt ?? before.scrypt }
        },
      })
      const { role, attribute, password } = request
      const changes = { role, attribute, password: password === undefined ? undefined : 'another one' }
      const changed = Object.entries(defined(changes)).map(([name, value]) => `${name}: ${value}`)
      facts.tell(context, { text: changed.join(', ') })
      record('user updated', caller.id, request.id)
      return {}
    },

    async user_change_password(request, context) {
      const session = await present(request, context)
      if (isDone(session, context)) return {}
      const caller = requireUser(session)
      await guard.check(caller.id, request.current_password, context.signal)
      const scrypt = await hasher.hash(request.password, context.signal)
      await changeUser(store, {
        id: caller.id,
        request: requestOf(caller, context),
        check: (before) => {
          // While we compared the old password, it may have been changed elsewhere: whoever knows only the old one does
          // not overwrite the new one.
          if (before?.generation !== caller.generation) throw sessionOver()
        },
        change: (before) => ({ ...before, scrypt }),
      })
      record('password changed', caller.id, caller.id)
      return {}
    },

    async reset_user_password(request, context) {
      const caller = requireUser(await present(request, context))
      checkManages(caller)
      const password = randomPassword()
      const scrypt = await hasher.hash(password, context.signal)
      // Each delivery is a change of its own: nobody can answer again with a password that is no longer known.
      await changeUser(store, {
        id: request.id,
        request: { id: randomUUID(), nowMs: clock.now() },
        check: (before) => checkResetPassword(caller, before),
        change: (before) => ({ ...before, scrypt }),
      })
      record('password reset', caller.id, request.id)
      return { password }
    },

    async delete_user(request, context) {
      const session = await present(request, context)
      if (isDone(session, context)) return {}
      const caller = requireUser(session)
      const check = (before: Person | undefined) => checkDelete(caller, before)
      await changeUser(store, { id: request.id, request: requestOf(caller, context), check, change: () => 'deleted' })
      record('user deleted', caller.id, request.id)
      return {}
    },

    async user_logout(request, context) {
      const { claims, user } = await present(request, context)
      // A session that is over already is what was asked for.
      if (user === undefined) return {}
      await endSession(store, user.id, { jti: claims.jti, until: claims.expires_at }, requestOf(user, context))
      return {}
    },

    async list_users(request, context) {
      const caller = requireUser(await present(request, context))
      const attribute = visibleAttribute(caller, request.attribute)
      const { users, next } = await listUsers(store, attribute, request.after, request.limit)
      const views = users.map(({ id, role, attribute: organisation, created_at }) => ({
        id,
        role,
        attribute: organisation,
        created_at,
      }))
      return { users: views, ...defined({ next }) }
    },

    async user_authenticate({ token, client_key }) {
      const plain = client_key === undefined
      const session = await sessions.present(token, { id: client_key ?? 'plain', plain })
      const user = requireUser(session)
      return {
        user_id: user.id,
        role: user.role,
        attribute: user.attribute,
        session_id: session.claims.jti,
        generation: session.claims.gen,
        plain,
        expires_at: session.claims.expires_at,
      }
    },

    async users_exist({ ids }) {
      return { missing: await findMissing(store, ids) }
    },

    async get_session_keys({ after }) {
      return { keys: sessions.publicKeys, ...(await listRevocations(store, after, clock.now())) }
    },
  }
  return actor(authentication, handlers, accountNotes(facts, audit))
}

function positionText({ role, attribute }: { role: string; attribute: string | null }): string {
  return attribute === null ? `as ${role}` : `as ${role} of ${attribute}`
}
