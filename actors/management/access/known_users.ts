/**
 * Whether the users that a caller names exist. An owner or an allowed user is an id, so a misspelt one would give
 * something to nobody. It is asked when the name is given and never again: users who are deleted later stay the owners
 * that they were, and nobody else is given their ids.
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
 * @param callerId is not asked about: they have a session
 * @throws Refusal `not_found` that says which user does not exist, and where they were named
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
