/**
 * Every service in this one process, for tests of what they do together: a real broker, real envelopes, the services'
 * own actors, a store on disk, real policies and a real worker. Several members of a group may serve, as in a
 * deployment; only the processes are missing. It ends with `stop()` or `await using`.
 */
import { join } from 'node:path'
import { start as startAccessControl } from '../../actors/access_control/index.ts'
import { start as startAuthentication } from '../../actors/authentication/index.ts'
import { start as startExecution } from '../../actors/execution/index.ts'
import { start as startFrontend } from '../../actors/frontend/index.ts'
import { start as startManagement } from '../../actors/management/index.ts'
import { start as startScheduler } from '../../actors/scheduler/index.ts'
import { start as startStorage } from '../../actors/storage/index.ts'
import type { Api, Session } from '../../client/index.ts'
import { TacitConnection } from '../../client/index.ts'
import type { Role } from '../../messages/index.ts'
import { FILES_BUCKET } from '../../messages/index.ts'
import type { ServiceHost, StartService } from '../../runtime/index.ts'
import type { Party } from './deployment.ts'
import type { JoinOptions, TestPlatform } from './platform.ts'
import { startPlatform } from './platform.ts'
import { temporaryFolder } from './temporary_folder.ts'

export const ADMIN_ID = 'admin'

const BUILTIN_THREAD = new URL('../../dist/actors/execution/executors/builtin/builtin_thread.js', import.meta.url)
/** scrypt at its lowest cost: nobody attacks these hashes. */
const CHEAP = { scrypt_n: 1024 }

/**
 * In the order in which they may start; two members each of those that decide, so that commands race across members.
 */
const SERVICES: readonly [string, StartService, members: number, settings: Record<string, unknown>][] = [
  ['authentication', startAuthentication, 2, CHEAP],
  ['access_control', startAccessControl, 1, {}],
  ['scheduler', startScheduler, 1, {}],
  ['management', startManagement, 2, {}],
  ['frontend', startFrontend, 2, {}],
  ['execution', (host) => startExecution(host, BUILTIN_THREAD), 1, { slots: 4 }],
]

export interface WholePlatform extends AsyncDisposable {
  readonly platform: TestPlatform
  readonly adminPassword: string
  /** The host of one of the frontends, by which it asks other services. */
  readonly frontendHost: ServiceHost
  /** A proven connection with a key of its own, closed with the platform. */
  connect(): Promise<TacitConnection>
  /** Opens a session on a connection of its own. */
  login(id: string, password: string): Promise<Party>
  /** Registers a user in the name of the admin, and logs them in. */
  register(id: string, role: Role, attribute?: string): Promise<Party>
  stop(): Promise<void>
}

export async function startWholePlatform(): Promise<WholePlatform> {
  const folder = await temporaryFolder()
  const platform = await startPlatform({ roles: ['storage', ...SERVICES.map(([role]) => role)] })
  const connections: TacitConnection[] = []
  let adminPassword = ''
  let admin: Promise<Party> | undefined
  let frontendHost: ServiceHost | undefined

  const stop = async () => {
    await Promise.all(connections.map((connection) => connection.close()))
    await platform.stop()
    await folder[Symbol.asyncDispose]()
  }
  async function connect(): Promise<TacitConnection> {
    const connection = await TacitConnection.open({ url: platform.broker.url, manifest: platform.manifestText })
    connections.push(connection)
    return connection
  }
  async function login(id: string, password: string): Promise<Party> {
    const connection = await connect()
    const session: Session = await connection.login(id, password)
    const api: Api = connection.as(session)
    return { id, password, connection, session, api }
  }

  try {
    const options: JoinOptions = {
      saveAdminPassword: async (_id, password) => {
        adminPassword = password
      },
    }
    await platform.join('storage', startStorage, { settings: { folder: join(folder.path, 'store') } })
    for (const [role, start, members, settings] of SERVICES) {
      for (let member = 0; member < members; member += 1) {
        const { host } = await platform.join(role, start, { ...options, settings })
        if (role === 'frontend') frontendHost = host
      }
    }
    // Whoever asks first makes the bucket for files, unless it is a client.
    await frontendHost!.files.exists(FILES_BUCKET, 'anything')
  } catch (error) {
    await stop()
    throw error
  }
  return {
    platform,
    adminPassword,
    frontendHost: frontendHost!,
    connect,
    login,
    async register(id, role, attribute) {
      const { connection, session } = await (admin ??= login(ADMIN_ID, adminPassword))
      const password = `password of ${id}`
      const organisation = attribute === undefined ? {} : { attribute }
      await connection.authentication.user_register({ session: session.token, id, password, role, ...organisation })
      return login(id, password)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
