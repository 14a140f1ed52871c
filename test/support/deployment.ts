/**
 * A whole deployment for one scenario: a broker and every service as a process of its own, in a temporary folder that
 * goes with it, and parties that come in from outside. It ends with `stop()` or `await using`.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from '@nats-io/transport-node'
import { builtinSpecs } from '../../actors/builtins/index.ts'
import type { KeyPair } from '../../attestation/index.ts'
import type { Api, Session } from '../../client/index.ts'
import { TacitConnection } from '../../client/index.ts'
import { readConfig } from '../../deploy/config.ts'
import type { Deployment, DeploymentOptions } from '../../deploy/deployment.ts'
import { startDeployment } from '../../deploy/deployment.ts'
import { openSimulatedPlatform } from '../../deploy/platform/simulated_platform.ts'
import { readAdminPassword } from '../../deploy/state/state_folder.ts'
import type { JsonValue, Role } from '../../messages/index.ts'
import { systemClock } from '../../runtime/index.ts'
import { temporaryFolder } from './temporary_folder.ts'

/** A user with a connection of its own. */
export interface Party {
  id: string
  password: string
  connection: TacitConnection
  session: Session
  api: Api
}

export interface TestDeployment extends AsyncDisposable {
  /** The deployment that runs now; `start` replaces it. */
  readonly deployment: Deployment
  readonly stateFolder: string
  /** The manifest's text. */
  readonly manifest: string
  /** What the operator was told. */
  readonly said: readonly string[]
  /** The first admin, logged in. */
  readonly admin: Party
  /** A proven connection, closed with the deployment. */
  connect(signingKey?: KeyPair): Promise<TacitConnection>
  /** Registers a user, and logs them in. Data owners get an organisation of their own name unless one is given. */
  register(id: string, role?: Role, attribute?: string): Promise<Party>
  /** Opens a session on a connection of its own. */
  login(id: string, password: string): Promise<Party>
  /** Ends the processes and closes the connections; the state folder stays for `start`. */
  halt(): Promise<void>
  /** Starts again on the state folder of the deployment that was halted; the admin logs in anew. */
  start(): Promise<void>
  /** Ends everything, and removes the folder. */
  stop(): Promise<void>
}

export type TestDeploymentOptions = Partial<Omit<DeploymentOptions, 'stateFolder' | 'say'>>

export async function startTestDeployment(options: TestDeploymentOptions = {}): Promise<TestDeployment> {
  const folder = await temporaryFolder()
  const stateFolder = join(folder.path, 'state')
  const said: string[] = []
  const say = (text: string) => void said.push(text)
  let connections: TacitConnection[] = []
  let current: { deployment: Deployment; manifest: string; admin: Party } | undefined
  const running = () => {
    if (current === undefined) throw new Error('the deployment is halted')
    return current
  }

  async function connect(signingKey?: KeyPair): Promise<TacitConnection> {
    const { deployment, manifest } = running()
    const key = signingKey === undefined ? {} : { signingKey }
    const connection = await TacitConnection.open({ url: deployment.natsUrl, manifest, ...key })
    connections.push(connection)
    return connection
  }

  async function login(id: string, password: string): Promise<Party> {
    const connection = await connect()
    const session = await connection.login(id, password)
    return { id, password, connection, session, api: connection.as(session) }
  }

  async function start(): Promise<void> {
    const deployment = await startDeployment({
      search: readConfig().search,
      platform: (paths, services) => openSimulatedPlatform({ paths, services, clock: systemClock, say }),
      ...options,
      stateFolder,
      say,
    })
    try {
      const manifest = await readFile(deployment.manifestPath, 'utf8')
      // Not whole yet: the admin logs in through it.
      current = { deployment, manifest, admin: undefined as unknown as Party }
      current.admin = await login('admin', await readAdminPassword(deployment.paths))
    } catch (error) {
      await deployment.stop()
      throw error
    }
  }

  async function halt(): Promise<void> {
    const { deployment } = running()
    await Promise.all(connections.map((connection) => connection.close()))
    connections = []
    current = undefined
    await deployment.stop()
  }

  async function stop(): Promise<void> {
    if (current !== undefined) await halt()
    await folder[Symbol.asyncDispose]()
  }

  await start().catch(async (error: unknown) => {
    await folder[Symbol.asyncDispose]()
    throw error
  })
  return {
    get deployment() {
      return running().deployment
    },
    get manifest() {
      return running().manifest
    },
    get admin() {
      return running().admin
    },
    stateFolder,
    said,
    connect,
    login,
    async register(id, role = 'DataOwner', attribute = role.startsWith('Data') ? `${id}-org` : undefined) {
      const { connection, session } = running().admin
      const password = randomBytes(12).toString('hex')
      const organisation = attribute === undefined ? {} : { attribute }
      await connection.authentication.user_register({ session: session.token, id, password, role, ...organisation })
      return login(id, password)
    },
    halt,
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Registers `builtin-echo` for everybody. @returns the function's id */
export async function registerEcho({ api }: Party): Promise<string> {
  return (await api.register_function({ ...builtinSpecs['builtin-echo']!, public: true })).function_id
}

type TaskOptions = NonNullable<Parameters<Api['create_task']>[0]['options']>

/** Creates a task of one party without files, which needs no approval, and invokes it. @returns the task's id */
export async function invokeTask(
  { api }: Party,
  function_id: string,
  args: Record<string, JsonValue>,
  options: TaskOptions = {},
): Promise<string> {
  const patience = { timeoutMs: 60_000 }
  const { task_id } = await api.create_task({ function_id, arguments: args, options }, patience)
  await api.invoke_task({ task_id }, patience)
  return task_id
}

/** The ids of the members that answer discovery, by service, as "nats micro ls" finds them. */
export async function findMembers(url: string): Promise<Record<string, string[]>> {
  const connection = await connect({ servers: url })
  const found: Record<string, string[]> = {}
  for await (const message of await connection.requestMany('$SRV.PING', '', { maxWait: 2_000, strategy: 'stall' })) {
    const { name, id } = message.json<{ name: string; id: string }>()
    found[name] = [...(found[name] ?? []), id]
  }
  await connection.close()
  return found
}

/** Polls until `check` returns something, for events that nothing announces: log files, other processes. */
export async function eventually<T>(
  what: string,
  check: () => T | undefined | Promise<T | undefined>,
  timeoutMs = 60_000,
): Promise<T> {
  const giveUpMs = systemClock.now() + timeoutMs
  for (;;) {
    const found = await check()
    if (found !== undefined) return found
    if (systemClock.now() > giveUpMs) throw new Error(`this did not happen within ${timeoutMs} ms: ${what}`)
    await systemClock.sleep(20)
  }
}
