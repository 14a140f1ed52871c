/** `tacit up`: runs a whole deployment on this machine until Ctrl-C. */
import { defined } from '../../messages/index.ts'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { systemClock } from '../../runtime/index.ts'
import { startDeployment } from '../deployment.ts'
import { openSimulatedPlatform } from '../platform/simulated_platform.ts'
import type { OperatorContext } from './operator_context.ts'
import { untilAborted } from './operator_context.ts'
import { byteCount, memberCount, portNumber, slotCount, wholeNumber } from './option_numbers.ts'

interface UpOptions {
  port?: number
  workers: number
  slots?: number
  plainRequests: boolean
  allowFolder: string[]
  allowNetwork: string[]
  allowHttp: boolean
  auditBytes?: number
  service: string[]
  members: Record<string, number>
}

const collect = (value: string, values: string[]) => [...values, value]

export function addUpCommand(program: Command, contextOf: (command: Command) => OperatorContext): void {
  program
    .command('up')
    .description('run broker, services and workers on this machine until Ctrl-C')
    .option('--port <port>', "the broker's port (default: any free one)", portNumber)
    .option('--workers <n>', 'worker processes', wholeNumber(0, 256), 2)
    .option('--slots <n>', 'how many tasks each worker runs at once', slotCount)
    .option('--service <file>', 'the file of a service of your own (repeatable; see docs/own_services.md)', collect, [])
    .option('--members <service=n>', 'how many members a service of your own has (repeatable)', memberCount, {})
    .option('--no-plain-requests', 'refuse JSON requests, which the broker could read')
    .option('--allow-folder <path>', 'a folder that file: URLs may reach (repeatable)', collect, [])
    .option(
      '--allow-network <network>',
      'a network, besides the internet, that URLs may reach (repeatable)',
      collect,
      [],
    )
    .option('--allow-http', 'allow http for files, not only https', false)
    .option('--audit-bytes <n>', 'space for the audit log; the API stops when it is full (8 GiB)', byteCount)
    .action(async (options: UpOptions, command: Command) => {
      const { output, config, stateFolder, signal } = contextOf(command)
      const deployment = await startDeployment({
        stateFolder,
        platform: (paths, services) => openSimulatedPlatform({ paths, services, clock: systemClock, say: output.say }),
        search: config.search,
        ...defined({ natsUrl: config.natsUrl, port: options.port }),
        workers: options.workers,
        ...defined({ slots: options.slots, auditBytes: options.auditBytes }),
        extensions: options.service,
        members: options.members,
        plainRequests: options.plainRequests,
        settings: { execution: { files: filePlaces(options) } },
        say: output.say,
        logLevel: config.logLevel,
        signal,
      })
      try {
        const { natsUrl, paths, startMs } = deployment
        const services = deployment.services().map(({ service, instance, pid }) => ({ service, instance, pid }))
        output.result(
          {
            nats: natsUrl,
            state: paths.folder,
            manifest: deployment.manifestPath,
            admin_password: paths.adminPassword,
            services,
            start_ms: startMs,
          },
          [
            `Tacit is up: ${services.length} processes in ${(startMs / 1000).toFixed(1)} s, on a simulated ` +
              'platform (for trying out, not for secrets)',
            '',
            `  NATS            ${natsUrl}`,
            `  state           ${paths.folder}`,
            `  manifest        ${deployment.manifestPath}`,
            `  admin password  ${paths.adminPassword}`,
            '',
            '  look at it      ' + `nats --server ${natsUrl} micro ls`,
            '  log in          npx tacit login admin',
            '  more workers    npx tacit worker        (in another terminal)',
            '  stop            Ctrl-C',
          ],
        )
        await untilAborted(signal)
        output.say('stopping: what was accepted is finished first')
      } finally {
        await deployment.stop()
        output.say('stopped')
      }
    })
}

/** The places from which the workers may read files, and to which they may write them. */
function filePlaces({ allowFolder, allowNetwork, allowHttp }: UpOptions): Record<string, unknown> {
  return { folders: allowFolder.map((folder) => resolve(folder)), networks: allowNetwork, http: allowHttp }
}
