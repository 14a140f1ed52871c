/** `tacit member list | revoke`: the attested members of the platform. */
import type { Command } from 'commander'
import type { PartyContext } from '../platform/party.ts'
import { withConnection, withSession } from '../platform/party.ts'

export function addMemberCommands(program: Command, contextOf: (command: Command) => PartyContext): void {
  const member = program.command('member').description('the attested members of the platform')
  member
    .command('list')
    .description('list the services, how many members each has, and the platform and measurement that were attested')
    .action(async (_options: object, command: Command) => {
      const context = contextOf(command)
      await withConnection(context, async ({ platform: { services } }) => {
        const lines = services.map(
          ({ name, members, platform, measurement }) => `${name}  ${members}  ${platform}  ${measurement}`,
        )
        context.output.result({ services }, lines)
      })
    })
  member
    .command('revoke <member>')
    .description('exclude a member from the platform, by the id that "nats micro ls" shows (admins)')
    .action(async (id: string, _options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        await api.revoke_member({ member: id })
        context.output.result({ member: id, revoked: true }, [`revoked ${id}; the keys of its groups have changed`])
      })
    })
}
