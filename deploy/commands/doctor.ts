/** `tacit doctor`: says whether a deployment can run here, and what to do if it cannot. */
import { defined } from '../../messages/index.ts'
import type { Command } from 'commander'
import { CommandFailure } from '../../client/cli/index.ts'
import { examine } from '../doctor.ts'
import type { OperatorContext } from './operator_context.ts'
import { portNumber } from './option_numbers.ts'

export function addDoctorCommand(program: Command, contextOf: (command: Command) => OperatorContext): void {
  program
    .command('doctor')
    .description('check Node, nats-server, ports and the state folder')
    .option('--port <port>', "the broker's port, which must be free", portNumber)
    .action(async (options: { port?: number }, command: Command) => {
      const { output, config, stateFolder } = contextOf(command)
      const checks = await examine({
        search: config.search,
        stateFolder,
        ...defined({ port: options.port, natsUrl: config.natsUrl }),
      })
      const failed = checks.filter(({ ok }) => !ok)
      const lines = checks.flatMap(({ name, ok, found, fix }) => [
        `${ok ? 'ok  ' : 'FAIL'}  ${name}: ${found}`,
        ...(fix === undefined ? [] : [`      ${ok ? 'better' : 'fix'}: ${fix}`]),
      ])
      if (failed.length === 0) return output.result({ ok: true, checks }, [...lines, 'a deployment can run here'])
      if (!output.json) for (const line of lines) output.say(line)
      const [first] = failed
      const text = `${failed.length} of ${checks.length} checks failed, first ${first?.name}`
      const hint = defined({ hint: first?.fix })
      throw new CommandFailure('not_ready', text, { ok: false, checks }, hint)
    })
}
