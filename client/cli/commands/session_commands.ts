/** `tacit login | logout`: keeps a session for each user of each platform, until it ends. */
import type { Command } from 'commander'
import { isRefusal, Refusal } from '../../../messages/index.ts'
import type { PartyContext } from '../platform/party.ts'
import { namedUser, withConnection, withSession } from '../platform/party.ts'
import { SessionStore } from '../platform/session_store.ts'
import { readGiven } from '../terminal/given_file.ts'

export function addSessionCommands(program: Command, contextOf: (command: Command) => PartyContext): void {
  program
    .command('login [user]')
    .description('log in; later commands speak as this user (by default the user of the context)')
    .option('--password-file <file>', 'read the password from a file instead of asking')
    .action(async (given: string | undefined, options: { passwordFile?: string }, command: Command) => {
      const context = contextOf(command)
      await withConnection(context, async (connection, platform) => {
        const speaker = namedUser(context, platform)
        const user = given ?? speaker
        if (user === undefined) {
          throw new Refusal('invalid_request', 'the user is missing', { hint: 'run "tacit login <user>"' })
        }
        const password = await passwordFor(context, user, options.passwordFile)
        const session = await connection.login(user, password, { signal: context.signal })
        await new SessionStore(context.homeFolder, platform).save({ session, signingKey: connection.signingKey })
        context.output.result({ user, expires_at: session.expiresAtMs }, [
          `logged in as ${user} until ${new Date(session.expiresAtMs).toISOString()}`,
        ])
        if (speaker !== undefined && speaker !== user) {
          context.output.say(`other commands still speak as ${speaker}; give "--as ${user}" to speak as ${user}`)
        }
      })
    })
  program
    .command('logout')
    .description('end your session, on this machine and on the platform')
    .action(async (_options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (_api, connection, { userId, token }, kept) => {
        try {
          await connection.authentication.user_logout({ session: token }, { signal: context.signal })
        } catch (error) {
          // The session has already ended on the platform, and ends here too.
          if (!isRefusal(error, 'unauthenticated')) throw error
        }
        await kept.remove(userId)
        context.output.result({ user: userId, logged_out: true }, [`logged out ${userId}`])
      })
    })
}

/** @param isNew true for a password that is being set, false for one that proves who the user is */
export async function passwordFor(
  context: PartyContext,
  user: string,
  file: string | undefined,
  isNew = false,
): Promise<string> {
  if (file === undefined) return context.readPassword(`${isNew ? 'new ' : ''}password of ${user}: `, isNew)
  return (await readGiven(file, 'a file that holds the password')).toString().replace(/\r?\n$/, '')
}
