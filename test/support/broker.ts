/**
 * A real nats-server for one test: on a free loopback port, with its store in a temporary folder that is removed with
 * it. It ends with `stop()` or `await using`; where setpriv is installed it also ends when the test process is killed.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../../deploy/config.ts'
import { ensureNatsServer } from '../../deploy/nats_server/install.ts'
import type { BrokerProcess } from '../../deploy/nats_server/process.ts'
import { startBrokerProcess } from '../../deploy/nats_server/process.ts'
import { formatVersion } from '../../deploy/nats_server/version.ts'
import { systemClock } from '../../runtime/clock.ts'

export interface BrokerOptions {
  /** Whether it has JetStream; true unless given. */
  jetstream?: boolean
  /** Further configuration for nats-server: users, limits. */
  config?: string
}

export interface TestBroker extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** The id of the process that runs now; it changes with a restart. */
  readonly pid: number
  readonly version: string
  /** Ends the server and removes its folder. */
  stop(): Promise<void>
  /** SIGKILL; the folder stays for `restart`. */
  kill(): Promise<void>
  /** Ends the server if it runs, and starts it again on the same port with the same store. */
  restart(): Promise<void>
}

export async function startBroker(options: BrokerOptions = {}): Promise<TestBroker> {
  const server = await ensureNatsServer(readConfig().search, (text) => process.stderr.write(`${text}\n`))
  const folder = await mkdtemp(join(tmpdir(), 'tacit-broker-'))
  const configPath = join(folder, 'nats.conf')
  const store = options.jetstream === false ? '' : `jetstream { store_dir: ${JSON.stringify(join(folder, 'store'))} }\n`
  await writeFile(configPath, store + (options.config ?? ''))
  const start = (port: number): Promise<BrokerProcess> =>
    startBrokerProcess({
      serverPath: server.path,
      arguments: ['-c', configPath],
      port,
      portsFolder: folder,
      logPath: join(folder, 'nats.log'),
      clock: systemClock,
    })
  let current = await start(0)
  const { url, port } = current

  const stop = async () => {
    await current.stop()
    await rm(folder, { recursive: true, force: true })
  }
  return {
    url,
    port,
    get pid() {
      return current.pid
    },
    version: formatVersion(server.version),
    stop,
    kill: () => current.kill(),
    async restart() {
      await current.stop()
      current = await start(port)
    },
    [Symbol.asyncDispose]: stop,
  }
}
