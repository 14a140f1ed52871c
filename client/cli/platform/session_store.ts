/**
 * Sessions, one file for each user of each platform: the token, and the key that it is bound to. They are kept below
 * the user's configuration folder, or where a context says, and only that user can read them.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { KeyPair } from '../../../attestation/index.ts'
import { exportSecret, fromBase64url, importSigningKey, toBase64url } from '../../../attestation/index.ts'
import { parseBy, Refusal, userId } from '../../../messages/index.ts'
import type { Session } from '../../connection.ts'
import type { ChosenPlatform } from './chosen_platform.ts'
import { readPrivate, writePrivate } from './private_file.ts'

const sessionFile = z.strictObject({
  user_id: z.string(),
  token: z.string(),
  expires_at: z.int(),
  signing_key: z.string(),
  nats: z.string(),
})

export interface KeptSession {
  session: Session
  signingKey: KeyPair
}

export class SessionStore {
  readonly #folder: string
  readonly #lastUser: string
  readonly #platform: ChosenPlatform

  constructor(homeFolder: string, platform: ChosenPlatform) {
    const { context } = platform
    this.#folder = folderOf(homeFolder, context)
    this.#lastUser = context === undefined ? join(homeFolder, 'last-user') : join(this.#folder, 'last-user')
    this.#platform = platform
  }

  /** The user who logged in last. */
  async lastUser(): Promise<string | undefined> {
    return (await readPrivate(this.#lastUser))?.trim()
  }

  async save({ session, signingKey }: KeptSession): Promise<void> {
    const text = JSON.stringify({
      user_id: session.userId,
      token: session.token,
      expires_at: session.expiresAtMs,
      signing_key: toBase64url(exportSecret(signingKey)),
      nats: await this.#platform.url(),
    })
    await writePrivate(this.#pathOf(session.userId), text)
    await writePrivate(this.#lastUser, session.userId)
  }

  /** @throws Refusal `unauthenticated` where the user has no session here */
  async read(user: string | undefined): Promise<KeptSession> {
    const nobody = new Refusal(
      'unauthenticated',
      user === undefined ? 'nobody is logged in' : `${user} is not logged in`,
      { hint: `run "tacit login ${user ?? '<user>'}"` },
    )
    if (user === undefined || !userId.safeParse(user).success) throw nobody
    const text = await readPrivate(this.#pathOf(user))
    if (text === undefined) throw nobody
    try {
      const { user_id, token, expires_at, signing_key } = parseBy(sessionFile, JSON.parse(text), 'session file')
      if (user_id !== user) throw nobody // the token file of another user's login
      return {
        session: { userId: user_id, token, expiresAtMs: expires_at },
        signingKey: importSigningKey(fromBase64url(signing_key)),
      }
    } catch {
      throw nobody
    }
  }

  async remove(user: string): Promise<void> {
    await rm(this.#pathOf(user), { force: true })
  }

  #pathOf(user: string): string {
    const { tokenFile } = this.#platform
    return tokenFile !== undefined && user === this.#platform.user ? tokenFile : join(this.#folder, `${user}.json`)
  }
}

/** Removes every session of a context. */
export async function removeSessions(homeFolder: string, context: string): Promise<void> {
  await rm(folderOf(homeFolder, context), { recursive: true, force: true })
}

function folderOf(homeFolder: string, context: string | undefined): string {
  return join(homeFolder, 'sessions', ...(context === undefined ? [] : [context]))
}
