/** What a service is handed when it starts, which is its only way to the outside, and what it hands back. */
import type { Protocol } from '../../messages/index.ts'
import type { Actor, Client } from '../actor.ts'
import type { Events } from '../broker/events.ts'
import type { Clock } from '../clock.ts'
import type { FileStore } from '../files/file_store.ts'
import type { Log } from '../log.ts'
import type { RecordStream } from '../audit/record_stream.ts'
import type { WorkQueue } from '../work_queue/work_queue.ts'

/** All that a service is handed when it starts. */
export interface ServiceHost {
  /** This member's id, `<role>-<random>`. */
  readonly memberId: string
  /** Settings of this service from the deployment's configuration. */
  readonly settings: Readonly<Record<string, unknown>>
  /**
   * Secrets that the coordinator releases to this role, by name: `storage_key` for storage, `audit_key` for whoever
   * writes the audit log, and none for others.
   */
  readonly secrets: Readonly<Record<string, Uint8Array>>
  readonly clock: Clock
  readonly log: Log
  readonly events: Events
  readonly workQueue: WorkQueue
  readonly files: FileStore
  /** Where this member's pages of the audit log go. */
  readonly auditStream: RecordStream
  /** Aborts when the member begins to stop. */
  readonly stopping: AbortSignal
  /** Hands the first admin's password to the launcher, which keeps it for the operator; resolves once it is kept. */
  saveAdminPassword?(password: string): Promise<void>
  client<P extends Protocol>(protocol: P): Client<P>
  /** A client of one member instead of any, for what only that member can do. */
  clientOf<P extends Protocol>(protocol: P, memberId: string): Client<P>
  /** Packs a letter for the work queue, signed and sealed to a worker class's group. */
  sealTo(group: string, subject: string, body: unknown): Uint8Array
  /** Opens a queue letter that was sealed to this member's group, and says which role sealed it. */
  openFrom(subject: string, bytes: Uint8Array): Promise<{ role: string; body: unknown }>
  /** Signs a receipt with the member's attested key; see `attestation/trust/receipt.ts`. */
  signReceipt(claims: Record<string, unknown>): Promise<string>
}

/** A started service: its actor, and how it is closed. */
export interface Service<P extends Protocol = Protocol> {
  actor: Actor<P>
  /** Called once, after the last letter was answered. */
  close?(): Promise<void>
}

/** What each folder of `actors/` exports as `start`. */
export type StartService = (host: ServiceHost) => Promise<Service>

/** What an extension is handed of it: nothing that is the platform's own. `openStore(host)` opens its store. */
export type ExtensionHost = Pick<
  ServiceHost,
  'memberId' | 'settings' | 'clock' | 'log' | 'events' | 'stopping' | 'client' | 'clientOf'
>

/** A service that an operator adds: what it may be asked, and what answers. */
export interface ExtensionService<P extends Protocol = Protocol> {
  readonly protocol: P
  readonly start: (host: ExtensionHost) => Promise<Service>
}

const made = new WeakSet<object>()

/**
 * A service of one's own, the default export of a file for `tacit up --service`.
 * @param start called once in each member, after it was admitted; the member serves when it resolves
 */
export function service<P extends Protocol>(
  protocol: P,
  start: (host: ExtensionHost) => Promise<Service<P>> | Service<P>,
): ExtensionService<P> {
  // A service of one protocol is a service; the compiler does not see it, because handlers take their own requests.
  const extension = Object.freeze({ protocol, start: async (host: ExtensionHost) => (await start(host)) as Service })
  made.add(extension)
  return extension
}

/** Whether `service` made it, and not somebody's look-alike. */
export function isMadeByService(value: unknown): value is ExtensionService {
  return typeof value === 'object' && value !== null && made.has(value)
}
