/**
 * What every command of a party shares: its connection to a platform, the user it speaks as, and lists read page by
 * page.
 */
import type { Api, Session } from '../../connection.ts'
import { TacitConnection } from '../../connection.ts'
import type { ChosenPlatform, GlobalOptions, PartyEnvironment } from './chosen_platform.ts'
import { choosePlatform } from './chosen_platform.ts'
import type { Output } from '../terminal/output.ts'
import { SessionStore } from './session_store.ts'

export interface PartyContext {
  output: Output
  options: GlobalOptions
  environment: PartyEnvironment
  /** Where contexts and sessions are kept. */
  homeFolder: string
  /**
   * Reads a line from the terminal without echo, or the next line of a pipe. A terminal is asked twice for a new
   * password.
   */
  readPassword: (prompt: string, isNew?: boolean) => Promise<string>
  signal: AbortSignal
}

/** How many items one page of a list has. */
export const PAGE = 500
const ITEMS_MAX = 10_000

/** The user that a command speaks as where one is named, whoever logged in last. */
export function namedUser({ options, environment }: PartyContext, platform: ChosenPlatform): string | undefined {
  return options.as ?? environment.user ?? platform.user
}

/** Runs `action` on a proven connection without a session. */
export async function withConnection<T>(
  context: PartyContext,
  action: (connection: TacitConnection, platform: ChosenPlatform) => Promise<T>,
): Promise<T> {
  const platform = await choosePlatform(context)
  const address = { manifest: await platform.manifest(), url: await platform.url() }
  await using connection = await TacitConnection.open({ ...address, signal: context.signal })
  return await action(connection, platform) // before the connection is closed
}

/** Runs `action` as the user who is named, or else as the one who logged in last. */
export async function withSession<T>(
  context: PartyContext,
  action: (api: Api, connection: TacitConnection, session: Session, kept: SessionStore) => Promise<T>,
): Promise<T> {
  const platform = await choosePlatform(context)
  const kept = new SessionStore(context.homeFolder, platform)
  const { session, signingKey } = await kept.read(namedUser(context, platform) ?? (await kept.lastUser()))
  const address = { manifest: await platform.manifest(), url: await platform.url() }
  await using connection = await TacitConnection.open({ ...address, signal: context.signal, signingKey })
  return await action(connection.as(session), connection, session, kept) // before the connection is closed
}

/**
 * Reads a list that a command shows whole, up to a bound.
 * @param readPage answers the page behind `after`, and where the next one begins
 */
export async function collectAll<T>(
  readPage: (after: { after?: string }) => Promise<{ items: T[]; next: string | undefined }>,
): Promise<T[]> {
  const found: T[] = []
  for (let after: { after?: string } = {}; found.length < ITEMS_MAX;) {
    const { items, next } = await readPage(after)
    found.push(...items)
    if (next === undefined) break
    after = { after: next }
  }
  return found
}
