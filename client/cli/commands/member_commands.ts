/** `tacit member list | revoke`: the members of the platform, as an admin sees them. */
import type { Command } from 'commander'
import type { PartyContext } from '../platform/party.ts'
import { withConnection, withSession } from '../platform/party.ts'

export function addMemberCommands(program: Command, contextOf: (command: Command) => PartyContext): void {
  const member = program.command('member').description('the attested members of the platform')
  member
    .command('list')
    .description('services, how many members each has, and what was attested of them')
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
    .description('revoke a member, by the id that "nats micro ls" shows (admins)')
    .action(async (id: string, _options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        await api.revoke_member({ member: id })
        context.output.result({ member: id, revoked: true }, [`revoked ${id}; the keys of its groups have changed`])
      })
    })
}
