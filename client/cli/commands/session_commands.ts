/** `tacit login | logout`: a session is kept for each user of each platform, until it ends. */
import type { Command } from 'commander'
import { Refusal } from '../../../messages/index.ts'
import { isRefusal } from '../../is_refusal.ts'
import { readGiven } from '../terminal/given_file.ts'
import type { PartyContext } from '../platform/party.ts'
import { namedUser, withConnection, withSession } from '../platform/party.ts'
import { SessionStore } from '../platform/session_store.ts'

export function addSessionCommands(program: Command, contextOf: (command: Command) => PartyContext): void {
  program
    .command('login [user]')
    .description('open a session; later commands speak as this user (that of the context, unless named)')
    .option('--password-file <file>', 'read the password from a file instead of asking')
    .action(async (given: string | undefined, options: { passwordFile?: string }, command: Command) => {
      const context = contextOf(command)
      await withConnection(context, async (connection, platform) => {
        const speaker = namedUser(context, platform)
        const user = given ?? speaker
        if (user === undefined) {
          throw new Refusal('invalid_request', 'say who logs in', { hint: 'run "tacit login <user>"' })
        }
        const password = await passwordFor(context, user, options.passwordFile)
        const session = await connection.login(user, password, { signal: context.signal })
        await new SessionStore(context.homeFolder, platform).save({ session, signingKey: connection.signingKey })
        context.output.result({ user, expires_at: session.expiresAtMs }, [
          `logged in as ${user} until ${new Date(session.expiresAtMs).toISOString()}`,
        ])
        if (speaker !== undefined && speaker !== user) {
          context.output.say(`commands speak as ${speaker} unless you say "--as ${user}"`)
        }
      })
    })
  program
    .command('logout')
    .description('end the session, here and on the platform')
    .action(async (_options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (_api, connection, { userId, token }, kept) => {
        try {
          await connection.authentication.user_logout({ session: token }, { signal: context.signal })
        } catch (error) {
          // It has ended there already, and is to end here.
          if (!isRefusal(error, 'unauthenticated')) throw error
        }
        await kept.remove(userId)
        context.output.result({ user: userId, logged_out: true }, [`logged out ${userId}`])
      })
    })
}

/** @param isNew a password that is set, not shown */
export async function passwordFor(
  context: PartyContext,
  user: string,
  file: string | undefined,
  isNew = false,
): Promise<string> {
  if (file === undefined) return context.readPassword(`${isNew ? 'new ' : ''}password of ${user}: `, isNew)
  return (await readGiven(file, 'a file that holds the password')).toString().replace(/\r?\n$/, '')
}
