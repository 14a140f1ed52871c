/** `tacit worker`: runs one more worker for a running deployment, until Ctrl-C. */
import { defined } from '../../messages/index.ts'
import type { Command } from 'commander'
import { systemClock } from '../../runtime/index.ts'
import { openWorkerDevices } from '../platform/simulated_platform.ts'
import { statePaths } from '../state/state_folder.ts'
import { startWorkerProcess } from '../worker_process.ts'
import type { OperatorContext } from './operator_context.ts'
import { untilAborted } from './operator_context.ts'
import { slotCount } from './option_numbers.ts'

export function addWorkerCommand(program: Command, contextOf: (command: Command) => OperatorContext): void {
  program
    .command('worker')
    .description('run one more worker for the deployment in --state until Ctrl-C')
    .option('--slots <n>', 'how many tasks it runs at once', slotCount)
    .action(async (options: { slots?: number }, command: Command) => {
      const { output, config, stateFolder, signal } = contextOf(command)
      const deviceFor = await openWorkerDevices(statePaths(stateFolder), systemClock)
      const worker = await startWorkerProcess({
        stateFolder,
        deviceFor,
        ...defined({ slots: options.slots }),
        say: output.say,
        logLevel: config.logLevel,
      })
      try {
        const { memberId, pid } = worker.status()
        output.result({ member: memberId, pid }, [`worker ${memberId} pulls tasks (process ${pid}); Ctrl-C ends it`])
        await untilAborted(signal)
        output.say('stopping: running tasks are finished first')
      } finally {
        await worker.stop()
      }
    })
}
