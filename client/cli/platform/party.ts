/** What every command of a party shares: where it speaks to, as whom, and the connection on which it does. */
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
  /** A line from the terminal, without echo, or the next one of a pipe. A terminal is asked twice for a new password. */
  readPassword: (prompt: string, isNew?: boolean) => Promise<string>
  signal: AbortSignal
}

/** Who a command speaks as, without regard to who logged in last. */
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

/** Runs `action` as the user who is named, or else who logged in last. */
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
