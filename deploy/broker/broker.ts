/**
 * The deployment's own broker. This file finds or installs a nats-server, configures and starts it, and starts it again
 * on the same port whenever it ends unasked. If a killed launcher left a broker running on the same store, that one is
 * ended first, by its process id.
 */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Refusal } from '../../messages/index.ts'
import type { Clock } from '../../runtime/index.ts'
import { backoffMs } from '../../runtime/index.ts'
import { brokerConfig } from './broker_config.ts'
import { rotateLog } from '../state/log_file.ts'
import type { ServerSearch } from '../nats_server/find.ts'
import type { Say } from '../nats_server/install.ts'
import { ensureNatsServer } from '../nats_server/install.ts'
import type { BrokerProcess } from '../nats_server/process.ts'
import { startBrokerProcess } from '../nats_server/process.ts'
import type { OpenState } from '../state/state_folder.ts'
import { readOptional, writeBrokerRecord, writePrivate } from '../state/state_folder.ts'
import { isAlive } from '../state/state_lock.ts'
import type { Protocols } from '../services.ts'

const ORPHAN_MS_MAX = 10_000
const ORPHAN_POLL_MS = 10
const STEADY_MS = 10_000
const RESTART_BACKOFF = { firstMs: 100, lastMs: 10_000 }

export interface OwnBroker {
  readonly url: string
  readonly port: number
  /** The id of the process that runs now, or that ran last. */
  pid(): number
  stop(): Promise<void>
}

export interface OwnBrokerOptions {
  state: OpenState
  /** The protocols of the services that are its users; by default those of the built-in services. */
  protocols?: Protocols | undefined
  search: ServerSearch
  /** A port, or 0 for any free one. */
  port: number
  say: Say
  clock: Clock
  random: () => number
}

/** @throws Refusal `no_broker` or `port_taken` */
export async function startOwnBroker(options: OwnBrokerOptions): Promise<OwnBroker> {
  const { state, search, protocols, say, clock } = options
  const { paths } = state
  const pidPath = join(paths.run, 'nats.pid')
  const logPath = join(paths.logs, 'nats.log')
  const server = await ensureNatsServer(search, say)
  await endOrphan(pidPath, paths.brokerConfig, say, clock)
  const folders = { storeFolder: paths.brokerStore, pidPath }
  await writePrivate(paths.brokerConfig, brokerConfig(state.broker, folders, protocols))
  rotateLog(logPath)

  const start = (port: number) =>
    startBrokerProcess({
      serverPath: server.path,
      arguments: ['-c', paths.brokerConfig],
      port,
      portsFolder: paths.run,
      logPath,
      clock,
    })
  let current: BrokerProcess = await start(options.port)
  const { url, port } = current
  state.broker.url = url
  delete state.broker.external
  await writeBrokerRecord(paths, state.broker)

  const stopping = new AbortController()
  const watching = keepRunning()

  /** Never gives up: without a broker nothing works, and each try is cheap. */
  async function keepRunning(): Promise<void> {
    let failures = 0
    for (;;) {
      const startedMs = clock.now()
      const how = await current.exited
      if (stopping.signal.aborted) return
      failures = clock.now() - startedMs > STEADY_MS ? 1 : failures + 1
      for (;;) {
        const delayMs = backoffMs(failures, RESTART_BACKOFF, options.random())
        say(`the broker ended (${how}); it is started again in ${(delayMs / 1000).toFixed(1)} s; see ${logPath}`)
        await clock.sleep(delayMs, stopping.signal)
        if (stopping.signal.aborted) return
        try {
          current = await start(port)
          break
        } catch (error) {
          if (!(error instanceof Refusal)) throw error
          failures += 1
          say(error.message)
        }
      }
      // `stop` was called during the start and saw only the old process, so the new one is ended here.
      if (stopping.signal.aborted) return current.stop()
    }
  }

  return {
    url,
    port,
    pid: () => current.pid,
    async stop() {
      stopping.abort()
      await current.stop()
      await watching
    },
  }
}

/** Ends a broker of ours that outlived its launcher. Its command line shows it: it names our configuration file. */
async function endOrphan(pidPath: string, configPath: string, say: Say, clock: Clock): Promise<void> {
  const pid = Number(await readOptional(pidPath))
  if (!Number.isInteger(pid) || pid <= 1 || !isAlive(pid)) return
  if (!(await readCommandLine(pid)).includes(configPath)) return
  say(`ending the broker that an earlier deployment left (process ${pid})`)
  signal(pid, 'SIGTERM')
  const insistMs = clock.now() + ORPHAN_MS_MAX / 2
  const giveUpMs = clock.now() + ORPHAN_MS_MAX
  while ((await readCommandLine(pid)).includes(configPath)) {
    if (clock.now() > giveUpMs) {
      throw new Refusal('state_in_use', `process ${pid}, a broker on this state folder, does not end`, {
        hint: `end it with kill -9 ${pid}`,
      })
    }
    if (clock.now() > insistMs) signal(pid, 'SIGKILL')
    await clock.sleep(ORPHAN_POLL_MS)
  }
}

/** Sends the signal, unless the process has already ended, which is just as good. */
function signal(pid: number, name: NodeJS.Signals): void {
  if (isAlive(pid)) process.kill(pid, name)
}

/** The command line of a process; empty if it has ended, also if it is a zombie. */
async function readCommandLine(pid: number): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    // This system has no /proc, or there is no such process; `ps` tells in both cases.
    try {
      return (await promisify(execFile)('ps', ['-p', String(pid), '-o', 'command='])).stdout
    } catch {
      return ''
    }
  }
}
