/**
 * The first start makes one admin with a random password. The password is put into storage before it is shown, and
 * shown before the user exists: so members that start together show the same one, and a start after a crash shows the
 * same one again. Once the user exists, storage holds its hash alone.
 */
import { Refusal } from '../../messages/index.ts'
import type { PasswordHasher } from './password.ts'
import { randomPassword } from './password.ts'
import type { UserRecord } from './user_records.ts'
import { admins, firstAdmins, users } from './user_records.ts'
import type { StorageClient } from './record_store.ts'
import { commitDecision, put, readSlots, remove } from './record_store.ts'

export const ADMIN_ID = 'admin'

/** Where the deployment keeps the password for its operator: a file readable by the owner alone. */
export type SavePassword = (password: string) => Promise<void>

/**
 * Does nothing if there are users already.
 * @returns true when it made the admin, alone or together with other members
 * @throws Refusal `unsupported` when there is nowhere to save the password
 */
export async function ensureFirstAdmin(
  store: StorageClient,
  hasher: PasswordHasher,
  nowMs: number,
  save: SavePassword | undefined,
): Promise<boolean> {
  const read = () => readSlots(store, ADMIN_ID, [admins, users, firstAdmins])
  const [existing] = await read()
  if (existing.value !== undefined) return false
  if (save === undefined) {
    throw new Refusal('unsupported', "there is nowhere to save the first admin's password", {
      hint: 'give the deployment a folder for it',
    })
  }
  await commitDecision(store, async () => {
    const [adminIds, , chosen] = await read()
    if (adminIds.value !== undefined || chosen.value !== undefined) return undefined
    return [put(chosen, { password: randomPassword() })]
  })
  await commitDecision(store, async () => {
    const [adminIds, user, chosen] = await read()
    if (adminIds.value !== undefined || chosen.value === undefined) return undefined
    await save(chosen.value.password)
    const record: UserRecord = {
      id: ADMIN_ID,
      role: 'PlatformAdmin',
      attribute: null,
      scrypt: await hasher.hash(chosen.value.password),
      generation: 0,
      created_at: nowMs,
      request_id: '',
    }
    return [put(adminIds, { ids: [ADMIN_ID] }), put(user, record), remove(chosen)]
  })
  return true
}
