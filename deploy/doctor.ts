/**
 * Checks whether a deployment could run here: each check says what it found and what to do about it. It changes nothing
 * and downloads nothing. A check that is `ok` and still has a `fix` found something that works but could be better.
 */
import { defined, Refusal } from '../messages/index.ts'
import { fillOf } from '../runtime/index.ts'
import { readAuditUsage } from './broker/audit_room.ts'
import { credentialsOf } from './state/broker_record.ts'
import type { ServerSearch } from './nats_server/find.ts'
import { findNatsServer, floorWarning } from './nats_server/find.ts'
import { checkPortFree, findSetpriv } from './nats_server/process.ts'
import { formatVersion, parseVersion, PINNED_VERSION, SECURITY_FLOOR } from './nats_server/version.ts'
import { inspectState, readRunningState } from './state/state_folder.ts'

export interface Check {
  name: string
  ok: boolean
  found: string
  /** What to do next, if anything. */
  fix?: string
}

export interface DoctorOptions {
  search: ServerSearch
  stateFolder: string
  /** The port that the deployment's broker will use; if absent, any free one. */
  port?: number
  /** A broker that already runs: then this machine needs no nats-server and no port. */
  natsUrl?: string
  nodeVersion?: string
}

/** From this fill on, so little space is left that the API is about to stop. */
const FULL_PERCENT = 95
const NODE_MINIMUM = [20, 19] as const

export async function examine(options: DoctorOptions): Promise<Check[]> {
  const { natsUrl } = options
  const broker: Check[] =
    natsUrl === undefined
      ? await Promise.all([checkServer(options), checkPort(options.port ?? 0), checkSetpriv()])
      : [{ name: 'broker', ok: true, found: `the one at ${withoutUser(natsUrl)}, from NATS_URL` }]
  return [
    checkNode(options.nodeVersion ?? process.versions.node),
    ...broker,
    await checkState(options.stateFolder),
    ...(await checkAudit(options.stateFolder)),
  ]
}

/** Checks the audit log of a running deployment; if none runs, there is nothing to check. */
async function checkAudit(folder: string): Promise<Check[]> {
  const running = await readRunningState(folder).catch((error: unknown) => {
    if (error instanceof Refusal) return undefined
    throw error
  })
  if (running === undefined) return []
  const check = await answer('audit log', async () => {
    const usage = await readAuditUsage({ url: running.url, ...credentialsOf(running.broker, 'operator') })
    const { percent, isShort } = fillOf(usage)
    const found = usage.bytesMax === Number.POSITIVE_INFINITY ? 'as much space as there is' : `${percent} % full`
    if (!isShort) return { ok: true, found }
    const fix = 'start the deployment with a larger --audit-bytes, or give the stream AUDIT a larger max_bytes at once'
    return { ok: percent < FULL_PERCENT, found: `${found}; the API stops when it is full`, fix }
  })
  return [check]
}

function checkNode(text: string): Check {
  const [major = 0, minor = 0] = parseVersion(text) ?? []
  const ok = major > NODE_MINIMUM[0] || (major === NODE_MINIMUM[0] && minor >= NODE_MINIMUM[1])
  return {
    name: 'Node',
    ok,
    found: `version ${text}`,
    ...(ok ? {} : { fix: `install Node ${NODE_MINIMUM.join('.')} or later` }),
  }
}

function checkServer({ search }: DoctorOptions): Promise<Check> {
  return answer('nats-server', async () => {
    const server = await findNatsServer(search)
    if (server === undefined) {
      return {
        ok: true,
        found: 'none yet',
        fix:
          `the first start installs version ${PINNED_VERSION} with Go, or Debian's package if you are root; or set ` +
          'TACIT_NATS_SERVER to the path of one',
      }
    }
    const found = `version ${formatVersion(server.version)} at ${server.path} (${server.from})`
    if (floorWarning(server) === undefined) return { ok: true, found }
    return {
      ok: true,
      found: `${found}; it has known security holes`,
      fix: `fine for trying out; for production use ${SECURITY_FLOOR.join(' or ')} or later`,
    }
  })
}

function checkPort(port: number): Promise<Check> {
  return answer('port', async () => {
    await checkPortFree(port)
    return { ok: true, found: port === 0 ? 'any free one on loopback will do' : `${port} is free` }
  })
}

async function checkSetpriv(): Promise<Check> {
  const path = await findSetpriv()
  return path === undefined
    ? {
        name: 'setpriv',
        ok: true,
        found: 'not found: if the launcher is killed, its broker runs on until the next start ends it',
        fix: 'install util-linux',
      }
    : { name: 'setpriv', ok: true, found: `${path}: the broker ends with its launcher` }
}

function checkState(folder: string): Promise<Check> {
  return answer('state folder', async () => ({ ok: true, found: await inspectState(folder) }))
}

/** A refusal is a finding like any other. Any other error is a fault of this code, so it is thrown on. */
async function answer(name: string, look: () => Promise<Omit<Check, 'name'>>): Promise<Check> {
  try {
    return { name, ...(await look()) }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { name, ok: false, found: error.message, ...defined({ fix: error.hint }) }
  }
}

/** The address without its user and password: people paste findings into bug reports. */
function withoutUser(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//')
}
