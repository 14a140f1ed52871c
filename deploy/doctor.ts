/**
 * Whether a deployment could run here: each check says what it found and what to do about it. It changes nothing and
 * downloads nothing. A check that is `ok` and yet has a `fix` works, and could be better.
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
  /** The next step, where there is one. */
  fix?: string
}

export interface DoctorOptions {
  search: ServerSearch
  stateFolder: string
  /** The port that the deployment is to have; absent, any free one. */
  port?: number
  /** A broker that is there already: then no nats-server and no port is needed here. */
  natsUrl?: string
  nodeVersion?: string
}

/** So little room is left that the API is about to stop. */
const FULL_PERCENT = 95
const NODE_MINIMUM = [20, 19] as const

export async function examine(options: DoctorOptions): Promise<Check[]> {
  const { natsUrl } = options
  const broker: Check[] =
    natsUrl === undefined
      ? await Promise.all([checkServer(options), checkPort(options.port ?? 0), checkSetpriv()])
      : [{ name: 'broker', ok: true, found: `the one at ${withoutUser(natsUrl)}, by NATS_URL` }]
  return [
    checkNode(options.nodeVersion ?? process.versions.node),
    ...broker,
    await checkState(options.stateFolder),
    ...(await checkAudit(options.stateFolder)),
  ]
}

/** Of a deployment that runs; where none does, there is nothing to look at. */
async function checkAudit(folder: string): Promise<Check[]> {
  const running = await readRunningState(folder).catch((error: unknown) => {
    if (error instanceof Refusal) return undefined
    throw error
  })
  if (running === undefined) return []
  const check = await answer('audit log', async () => {
    const usage = await readAuditUsage({ url: running.url, ...credentialsOf(running.broker, 'operator') })
    const { percent, isShort } = fillOf(usage)
    const found = usage.bytesMax === Number.POSITIVE_INFINITY ? 'as much room as there is' : `${percent} % full`
    if (!isShort) return { ok: true, found }
    const fix = 'start the deployment with a larger --audit-bytes, or give the stream AUDIT a larger max_bytes at once'
    return { ok: percent < FULL_PERCENT, found: `${found}; nothing is done when it is full`, fix }
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
          `the first start gets version ${PINNED_VERSION} by Go, or Debian's package where you are root; or ` +
          'name one by TACIT_NATS_SERVER',
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
        found: 'not here: the broker outlives a killed launcher until the next start ends it',
        fix: 'install util-linux',
      }
    : { name: 'setpriv', ok: true, found: `${path}: the broker ends with its launcher` }
}

function checkState(folder: string): Promise<Check> {
  return answer('state folder', async () => ({ ok: true, found: await inspectState(folder) }))
}

/** A refusal is a finding like any other; what else is thrown is our own fault and goes up. */
async function answer(name: string, look: () => Promise<Omit<Check, 'name'>>): Promise<Check> {
  try {
    return { name, ...(await look()) }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { name, ok: false, found: error.message, ...defined({ fix: error.hint }) }
  }
}

/** An address may hold a password, and a finding is pasted into bug reports. */
function withoutUser(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//')
}
