/** Authentication with its first admin, a manual clock, and short ways to make and log in users. */
import { AuditChain } from '../../../attestation/index.ts'
import type { AuditRecord, authentication, Role } from '../../../messages/index.ts'
import { defined, Refusal } from '../../../messages/index.ts'
import type { Actor, Client } from '../../../runtime/index.ts'
import { ManualClock, MemoryRecordStream } from '../../../runtime/index.ts'
import { start as startAuthentication } from '../../../actors/authentication/index.ts'
import { scryptDerive } from '../../../actors/authentication/password.ts'
import type { MemoryStorage, Origin } from './local_service.ts'
import { KEY_A, keptLog, localClient, localHost, memoryStorage } from './local_service.ts'

export type Authentication = Client<typeof authentication>

/** scrypt at its lowest cost: what is tested here is not how long a hash takes. */
export const CHEAP = { scrypt_n: 1024 }
export const PASSWORD = 'correct horse'

export interface Platform {
  memory: MemoryStorage
  clock: ManualClock
  actor: Actor<typeof authentication>
  /** How many hashes were computed. */
  hashes: { count: number }
  lines: { fields: object; text: string }[]
  /** What the audit log has by the time that authentication has stopped. */
  audited(): Promise<AuditRecord[]>
  auditStream: MemoryRecordStream
  adminPassword: string
  adminToken: string
  /** Authentication as a client with this key, or a plain one, sees it. */
  from(origin?: Origin): Authentication
  register(id: string, role: Role, attribute?: string): Promise<void>
  login(id: string, origin?: Origin): Promise<string>
  close(): Promise<void>
}

export async function startPlatform(
  settings: Record<string, unknown> = CHEAP,
  memory = memoryStorage(),
  clock = new ManualClock(),
): Promise<Platform> {
  const hashes = { count: 0 }
  const { log, lines } = keptLog()
  const auditStream = new MemoryRecordStream()
  const chain = new AuditChain(new Uint8Array(32))
  let adminPassword = ''
  const host = localHost({
    clock,
    actors: [memory.actor],
    log,
    settings,
    auditStream,
    saveAdminPassword: async (password) => {
      adminPassword = password
    },
  })
  const service = await startAuthentication(host, async (...request) => {
    hashes.count += 1
    return scryptDerive(...request)
  })
  const from = (origin: Origin = {}) => localClient(service.actor, origin)
  const login = async (id: string, origin: Origin = {}) => {
    const password = id === 'admin' ? adminPassword : PASSWORD
    return (await from(origin).user_login({ id, password })).token
  }
  const adminToken = adminPassword === '' ? '' : await login('admin', { id: KEY_A })
  return {
    memory,
    clock,
    actor: service.actor,
    hashes,
    lines,
    adminPassword,
    adminToken,
    from,
    login,
    async register(id, role, attribute) {
      const user = { id, role, password: PASSWORD, ...defined({ attribute }) }
      await from().user_register({ session: adminToken, ...user })
    },
    auditStream,
    async audited() {
      await service.close?.()
      return auditStream.records.flatMap(({ body }) => chain.openPage(body).records)
    },
    close: async () => service.close?.(),
  }
}

/** The code of the refusal that a call ends with, or `ok`. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'ok'
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}
