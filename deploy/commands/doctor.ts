/** `tacit doctor`: whether a deployment can run here, and what to do where it cannot. */
import type { Command } from 'commander'
import { Refusal } from '../../messages/index.ts'
import { examine } from '../doctor.ts'
import type { OperatorContext } from './operator_context.ts'

export function addDoctorCommand(program: Command, contextOf: (command: Command) => OperatorContext): void {
  program
    .command('doctor')
    .description('check Node, nats-server, ports and the state folder')
    .option('--port <port>', "the broker's port that is to be free", Number)
    .action(async (options: { port?: number }, command: Command) => {
      const { output, config, stateFolder } = contextOf(command)
      const checks = await examine({
        search: config.search,
        stateFolder,
        ...(options.port === undefined ? {} : { port: options.port }),
        ...(config.natsUrl === undefined ? {} : { natsUrl: config.natsUrl }),
      })
      const failed = checks.filter(({ ok }) => !ok)
      const lines = checks.flatMap(({ name, ok, found, fix }) => [
        `${ok ? 'ok  ' : 'FAIL'}  ${name}: ${found}`,
        ...(fix === undefined ? [] : [`      ${ok ? 'better' : 'fix'}: ${fix}`]),
      ])
      if (failed.length === 0) return output.result({ ok: true, checks }, [...lines, 'a deployment can run here'])
      if (!output.json) for (const line of lines) output.say(line)
      const [first] = failed
      throw new Refusal('not_ready', `${failed.length} of ${checks.length} checks failed, first ${first?.name}`, {
        ...(first?.fix === undefined ? {} : { hint: first.fix }),
      })
    })
}
