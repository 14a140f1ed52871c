/**
 * Whether the users that a caller names exist. Who owns or may use something is an id, so a slip of the pen would give it to
 * nobody. Asked when the name is given and never again: a user who is deleted later stays what he was, and his id is never
 * given to another.
 */
import type { authentication } from '../../../messages/index.ts'
import { Refusal } from '../../../messages/index.ts'
import type { Client } from '../../../runtime/index.ts'

export type UserDirectory = Pick<Client<typeof authentication>, 'users_exist'>

/** Ids, and the part of the request that names them. */
export interface NamedUsers {
  field: string
  ids: readonly string[]
}

/**
 * @param callerId need not be asked about: he has a session
 * @throws Refusal `not_found` that says which user there is not, and where he was named
 */
export async function checkUsersExist(
  users: UserDirectory,
  callerId: string,
  named: readonly NamedUsers[],
): Promise<void> {
  const ids = [...new Set(named.flatMap((some) => some.ids))].filter((id) => id !== callerId)
  if (ids.length === 0) return
  const missing = new Set((await users.users_exist({ ids })).missing)
  for (const { field, ids: here } of named) {
    const unknown = here.find((id) => missing.has(id))
    if (unknown === undefined) continue
    throw new Refusal('not_found', `${field}: there is no user ${unknown}`, {
      hint: 'ask the user for the exact id',
      field,
    })
  }
}
