/** `tacit login`, `tacit user register`. */
import type { Command } from 'commander'
import { Option } from 'commander'
import type { Role } from '../../messages/index.ts'
import { ROLES } from '../../messages/index.ts'
import { readGiven } from './given_file.ts'
import type { PartyContext } from './party.ts'
import { platformAddress, saveSession, withConnection, withSession } from './party.ts'

export function addUserCommands(program: Command, contextOf: (command: Command) => PartyContext): void {
  program
    .command('login <user>')
    .description('open a session; later commands speak as this user')
    .option('--password-file <file>', 'read the password from a file instead of asking')
    .action(async (user: string, options: { passwordFile?: string }, command: Command) => {
      const context = contextOf(command)
      const password = await passwordFor(context, user, options.passwordFile)
      await withConnection(context, async (connection) => {
        const session = await connection.login(user, password)
        await saveSession(context, session, connection, (await platformAddress(context)).url)
        context.output.result({ user, expires_at: session.expiresAtMs }, [
          `logged in as ${user} until ${new Date(session.expiresAtMs).toISOString()}`,
        ])
      })
    })

  const user = program.command('user').description('users of the platform')
  user
    .command('register <user>')
    .description('register a user (admins; managers for data owners of their organisation)')
    .addOption(new Option('--role <role>', 'what the user may do').choices([...ROLES]).makeOptionMandatory())
    .option('--attribute <organisation>', 'the organisation, for data owners')
    .option('--password-file <file>', 'read the new password from a file instead of asking')
    .action(
      async (id: string, options: { role: Role; attribute?: string; passwordFile?: string }, command: Command) => {
        const context = contextOf(command)
        const { role } = options
        const password = await passwordFor(context, id, options.passwordFile)
        await withSession(context, async (_api, connection, session) => {
          const attribute = options.attribute === undefined ? {} : { attribute: options.attribute }
          await connection.authentication.user_register({ session: session.token, id, password, role, ...attribute })
          context.output.result({ user: id, role }, [`registered ${id} as ${role}`])
        })
      },
    )
}

async function passwordFor(context: PartyContext, user: string, file: string | undefined): Promise<string> {
  if (file === undefined) return context.readPassword(`password of ${user}: `)
  return (await readGiven(file, 'a file that holds the password')).toString().replace(/\r?\n$/, '')
}
