/**
 * One nats-server process. It is started on loopback, watched until it answers, and ended by its id. If `setpriv` is
 * installed, the process gets SIGTERM when the process that started it dies, so a killed launcher leaves no broker
 * behind.
 */
import { spawn } from 'node:child_process'
import { access, constants, open, readdir, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Refusal } from '../../messages/index.ts'
import type { Clock } from '../../runtime/index.ts'

export interface BrokerStart {
  serverPath: string
  /** Arguments in addition to address and port, such as `-c <file>`. */
  arguments: readonly string[]
  /** A port, or 0 for any free one. */
  port: number
  /** A folder for this broker only; the server writes its port here when it is ready. */
  portsFolder: string
  /** The server's own log is appended here. */
  logPath: string
  clock: Clock
}

export interface BrokerProcess {
  readonly pid: number
  readonly port: number
  readonly url: string
  /** Resolves when the process has ended, with how it ended: an exit code, a signal or an error. */
  readonly exited: Promise<string>
  /** Asks the process to end, and kills it after five seconds. */
  stop(): Promise<void>
  /** Kills the process without a warning. */
  kill(): Promise<void>
}

const READY_MS_MAX = 15_000
const READY_POLL_MS = 5
const STOP_MS_MAX = 5_000
const HOST = '127.0.0.1'

/** @throws Refusal `port_taken` if the port is not free; `no_broker` if the server ends or does not answer in time */
export async function startBrokerProcess(start: BrokerStart): Promise<BrokerProcess> {
  if (start.port !== 0) await checkPortFree(start.port)
  await clearPortFiles(start.portsFolder)
  const { command, prefix } = await deathWatch()
  const log = await open(start.logPath, 'a', 0o600)
  const logStart = (await log.stat()).size
  const port = start.port === 0 ? '-1' : String(start.port)
  const child = spawn(
    command ?? start.serverPath,
    [...prefix, ...(command === undefined ? [] : [start.serverPath]), '-a', HOST, '-p', port]
      .concat('--ports_file_dir', start.portsFolder)
      .concat(start.arguments),
    // Its own process group, so that Ctrl-C in the terminal reaches only the launcher, which ends the broker last.
    { stdio: ['ignore', log.fd, log.fd], env: {}, detached: true },
  )
  let ending: string | undefined
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve((ending = error.message)))
    child.once('exit', (code, signal) => resolve((ending = signal ?? `exit code ${code}`)))
  })
  await log.close()

  const giveUpMs = start.clock.now() + READY_MS_MAX
  let readyPort: number | undefined
  while (readyPort === undefined) {
    if (ending !== undefined) throw await explainEnd(start, ending, logStart)
    if (start.clock.now() > giveUpMs) {
      child.kill('SIGKILL')
      throw new Refusal('no_broker', `nats-server did not become ready within ${READY_MS_MAX / 1000} s`, {
        hint: `see its log in ${start.logPath}`,
      })
    }
    await start.clock.sleep(READY_POLL_MS)
    readyPort = await readPort(start.portsFolder, child.pid)
  }

  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  return {
    pid: child.pid!, // a process that wrote its ports file has an id
    port: readyPort,
    url: `nats://${HOST}:${readyPort}`,
    exited,
    async stop() {
      child.kill('SIGTERM')
      const cancel = start.clock.after(STOP_MS_MAX, () => child.kill('SIGKILL'))
      await exited
      cancel()
    },
    kill,
  }
}

/** @throws Refusal `port_taken` */
export function checkPortFree(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' || error.code === 'EACCES' ? portTaken(port, error.code) : error)
    })
    probe.listen(port, HOST, () => probe.close(() => resolve()))
  })
}

function portTaken(port: number, code: 'EADDRINUSE' | 'EACCES'): Refusal {
  const why = code === 'EACCES' ? 'may not be opened by this user' : 'is in use by another process'
  return new Refusal('port_taken', `port ${port} on ${HOST} ${why}`, {
    hint: 'choose another with --port, or leave --port out to get a free one',
    field: 'port',
  })
}

/** Looks for `setpriv` where util-linux installs it. Without it, the next start finds and ends an orphaned broker. */
export async function findSetpriv(): Promise<string | undefined> {
  for (const path of ['/usr/bin/setpriv', '/bin/setpriv', '/sbin/setpriv']) {
    try {
      await access(path, constants.X_OK)
      return path
    } catch {
      continue
    }
  }
  return undefined
}

async function deathWatch(): Promise<{ command: string | undefined; prefix: string[] }> {
  const command = await findSetpriv()
  return { command, prefix: command === undefined ? [] : ['--pdeathsig', 'TERM', '--'] }
}

async function clearPortFiles(folder: string): Promise<void> {
  const names = await readdir(folder)
  await Promise.all(names.filter((name) => name.endsWith('.ports')).map((name) => rm(join(folder, name))))
}

/** The server writes `{"nats":["nats://127.0.0.1:4222"],...}`, but not in one step: half a file counts as no file. */
async function readPort(folder: string, pid: number | undefined): Promise<number | undefined> {
  const name = (await readdir(folder)).find((file) => file.endsWith(`_${pid}.ports`))
  if (name === undefined) return undefined
  const found = /"nats":\s*\["nats:\/\/[^"]*:(\d+)"/.exec(await readFile(join(folder, name), 'utf8'))
  return found === null ? undefined : Number(found[1])
}

async function explainEnd(start: BrokerStart, ending: string, logStart: number): Promise<Refusal> {
  const log = (await readFile(start.logPath)).subarray(logStart).toString('utf8')
  if (log.includes('address already in use')) return portTaken(start.port, 'EADDRINUSE')
  const reason = /\[FTL\] (.*)|nats-server: (.*)/.exec(log)
  return new Refusal('no_broker', `nats-server ended before it was ready (${reason?.[1] ?? reason?.[2] ?? ending})`, {
    hint: `see its log in ${start.logPath}`,
  })
}
