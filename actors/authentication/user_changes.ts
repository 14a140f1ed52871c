/**
 * Changes of users: each one commit that takes along all that must change with it (the sessions' generation, the list
 * of admins), so that no crash and no other member finds half of a change. A request that is delivered twice changes
 * once.
 */
import type { Role } from '../../messages/index.ts'
import { Refusal } from '../../messages/index.ts'
import type { UserRecord } from './user_records.ts'
import { endAllSessions, endOneSession } from './user_records.ts'
import type { Account, RecordWrite, StorageClient } from './record_store.ts'
import { commitDecision, expectUnchanged, put, readAccount, remove } from './record_store.ts'
import { checkNotLastAdmin } from './rights.ts'

/** What a change makes of a user: another record, nothing (`deleted`), or the same (`unchanged`). */
export type Changed = Omit<UserRecord, 'generation'> | 'deleted' | 'unchanged'

/**
 * Adds a user, under an id that nobody had before: functions, data, tasks and allowlists name their users by id, so
 * whoever was given a deleted user's id would be given all that with it.
 * @throws Refusal `already_exists`, `conflict`
 */
export async function addUser(store: StorageClient, record: Omit<UserRecord, 'generation'>): Promise<void> {
  await commitDecision(store, async () => {
    const account = await readAccount(store, record.id)
    if (account.user.value?.request_id === record.request_id) return undefined
    if (account.user.value !== undefined)
      throw new Refusal('already_exists', `there is a user ${record.id} already`, {
        hint: 'choose another id',
        field: 'id',
      })
    if (account.former.value !== undefined)
      throw new Refusal('already_exists', `the id ${record.id} was that of a user who was deleted`, {
        hint: 'choose another id: one that was deleted is never given again',
        field: 'id',
      })
    return [
      put(account.user, { ...record, generation: 0 }),
      // Registered and deleted by others meanwhile, it would look as free as it was.
      expectUnchanged(account.former),
      ...adminWrites(account, record.id, undefined, record.role),
    ]
  })
}

/** The delivery that asks for a change; the same id again is the same change. */
export interface ChangeRequest {
  id: string
  nowMs: number
}

export interface UserChange {
  id: string
  request: ChangeRequest
  /** Refuses by rights. It sees the record that would be replaced, and is asked again when that has changed. */
  check: (before: UserRecord | undefined) => void
  /** Says what becomes of the user. */
  change: (before: UserRecord) => Changed
}

/**
 * Changes a user and ends all their sessions.
 * @throws Refusal `not_found`, `conflict`, and what `check` throws
 */
export async function changeUser(store: StorageClient, { id, request, check, change }: UserChange): Promise<void> {
  await commitDecision(store, async () => {
    const account = await readAccount(store, id)
    if (account.revocation.value?.request_id === request.id) return undefined
    const before = account.user.value
    check(before)
    if (before === undefined)
      throw new Refusal('not_found', `there is no user ${id}`, { hint: 'list_users shows who there is', field: 'id' })
    const after = change(before)
    if (after === 'unchanged') return undefined
    const revocation = endAllSessions(before, account.revocation.value, request.nowMs, request.id)
    return [
      put(account.revocation, revocation),
      ...(after === 'deleted'
        ? [remove(account.user), put(account.former, { deleted_at: request.nowMs })]
        : [put(account.user, { ...after, generation: revocation.generation })]),
      ...adminWrites(account, id, before.role, after === 'deleted' ? undefined : after.role),
    ]
  })
}

/** Ends one session; too many ended singly end them all. */
export async function endSession(
  store: StorageClient,
  id: string,
  session: { jti: string; until: number },
  request: ChangeRequest,
): Promise<void> {
  await commitDecision(store, async () => {
    const account = await readAccount(store, id)
    const { user, revocation } = account
    if (user.value === undefined) return undefined
    if (revocation.value?.ended.some(({ jti }) => jti === session.jti) === true) return undefined
    const one = endOneSession(user.value, revocation.value, session, request.nowMs)
    if (one !== undefined) return [put(revocation, one)]
    const all = endAllSessions(user.value, revocation.value, request.nowMs, request.id)
    return [put(revocation, all), put(user, { ...user.value, generation: all.generation })]
  })
}

/** Keeps the list of admins; the compare-and-set on it is what makes two admins unable to unmake each other. */
function adminWrites(account: Account, id: string, before: Role | undefined, after: Role | undefined): RecordWrite[] {
  const [was, is] = [before === 'PlatformAdmin', after === 'PlatformAdmin']
  if (was === is) return []
  const ids = account.admins.value?.ids ?? []
  if (is) return [put(account.admins, { ids: [...ids, id] })]
  checkNotLastAdmin(id, ids)
  return [put(account.admins, { ids: ids.filter((other) => other !== id) })]
}
