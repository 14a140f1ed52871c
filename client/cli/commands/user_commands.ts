/** `tacit user register | update | list | change-password | reset-password | delete`: the users of the platform. */
import type { Command } from 'commander'
import { Option } from 'commander'
import type { Role } from '../../../messages/index.ts'
import { defined, ROLES } from '../../../messages/index.ts'
import type { PartyContext } from '../platform/party.ts'
import { collectAll, PAGE, withSession } from '../platform/party.ts'
import { passwordFor } from './session_commands.ts'

interface UserOptions {
  role?: Role
  attribute?: string
  passwordFile?: string
}

const roleOption = () => new Option('--role <role>', 'what the user may do on the platform').choices([...ROLES])

export function addUserCommands(program: Command, contextOf: (command: Command) => PartyContext): void {
  const user = program.command('user').description('the users of the platform')
  user
    .command('register <user>')
    .description('register a user (admins; managers: data owners of their organisation)')
    .addOption(roleOption().makeOptionMandatory())
    .option('--attribute <organisation>', 'the organisation of a data owner or manager')
    .option('--password-file <file>', 'read the new password from a file instead of asking')
    .action(async (id: string, options: UserOptions & { role: Role }, command: Command) => {
      const context = contextOf(command)
      const { role, passwordFile } = options
      const password = await passwordFor(context, id, passwordFile, true)
      await withSession(context, async (_api, { authentication }, { token }) => {
        await authentication.user_register({ session: token, id, password, role, ...organisationOf(options) })
        context.output.result({ user: id, role }, [`registered ${id} as ${role}`])
      })
    })
  user
    .command('update <user>')
    .description("change a user's role, organisation or password, and end their sessions")
    .addOption(roleOption())
    .option('--attribute <organisation>', 'the organisation of a data owner or manager')
    .option('--password-file <file>', 'read the new password from a file')
    .action(async (id: string, options: UserOptions, command: Command) => {
      const context = contextOf(command)
      const { role, passwordFile } = options
      const password = passwordFile === undefined ? undefined : await passwordFor(context, id, passwordFile)
      const changes = { ...organisationOf(options), ...defined({ role, password }) }
      await withSession(context, async (_api, { authentication }, { token }) => {
        await authentication.user_update({ session: token, id, ...changes })
        context.output.result({ user: id, updated: Object.keys(changes) }, [`updated ${id}, whose sessions have ended`])
      })
    })
  user
    .command('list')
    .description('list the users (admins; managers: those of their organisation)')
    .option('--attribute <organisation>', 'only users of this organisation')
    .action(async (options: UserOptions, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (_api, { authentication }, { token }) => {
        const users = await collectAll(async (after) => {
          const request = { session: token, limit: PAGE, ...organisationOf(options), ...after }
          const page = await authentication.list_users(request, { signal: context.signal })
          return { items: page.users, next: page.next }
        })
        context.output.result(
          { users },
          users.map(({ id, role, attribute }) => [id, role, ...(attribute === null ? [] : [attribute])].join('  ')),
        )
      })
    })
  user
    .command('change-password')
    .description('change your own password, and end your other sessions')
    .option('--password-file <file>', 'read the present password from a file instead of asking')
    .option('--new-password-file <file>', 'read the new password from a file instead of asking')
    .action(async (options: { passwordFile?: string; newPasswordFile?: string }, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (_api, connection, { token, userId }, kept) => {
        const current_password = await passwordFor(context, userId, options.passwordFile)
        const password = await passwordFor(context, userId, options.newPasswordFile, true)
        await connection.authentication.user_change_password({ session: token, current_password, password })
        // This session has ended with the others; the user, who has just given both passwords, gets a new one.
        const session = await connection.login(userId, password)
        await kept.save({ session, signingKey: connection.signingKey })
        context.output.result({ user: userId, expires_at: session.expiresAtMs }, [`changed the password of ${userId}`])
      })
    })
  user
    .command('reset-password <user>')
    .description('give a user a new random password, and show it once (admins; managers: in their organisation)')
    .action(async (id: string, _options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (_api, { authentication }, { token }) => {
        const { password } = await authentication.reset_user_password({ session: token, id })
        context.output.result({ user: id, password }, [password])
      })
    })
  user
    .command('delete <user>')
    .description('delete a user, and end their sessions (admins; managers: in their organisation)')
    .action(async (id: string, _options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (_api, { authentication }, { token }) => {
        await authentication.delete_user({ session: token, id })
        context.output.result({ user: id, deleted: true }, [`deleted ${id}`])
      })
    })
}

function organisationOf({ attribute }: UserOptions): { attribute?: string } {
  return defined({ attribute })
}
