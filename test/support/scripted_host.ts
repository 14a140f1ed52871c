/**
 * A host for one service under test: the parts in memory are real, and the services it calls are scripted by the test.
 */
import type { Protocol } from '../../messages/index.ts'
import { pack, Refusal, unpack } from '../../messages/index.ts'
import type { Client } from '../../runtime/actor.ts'
import type { Clock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { MemoryFileStore } from '../../runtime/files/memory_file_store.ts'
import { MemoryRecordStream } from '../../runtime/audit/memory_record_stream.ts'
import { MemoryWorkQueue } from '../../runtime/work_queue/memory_work_queue.ts'
import type { ServiceHost } from '../../runtime/member/service.ts'

export interface ScriptedHostOptions {
  memberId: string
  clock: Clock
  settings?: Record<string, unknown>
  workQueue?: MemoryWorkQueue
  files?: MemoryFileStore
  /** What each service answers, by its name; `clientOf` adds the member, `<service>@<member>`. */
  clients?: Record<string, unknown>
}

export interface ScriptedHost extends ServiceHost {
  readonly workQueue: MemoryWorkQueue
  readonly files: MemoryFileStore
  /** Claims of each receipt that was signed. */
  readonly receipts: Record<string, unknown>[]
  stop(): void
}

export function scriptedHost(options: ScriptedHostOptions): ScriptedHost {
  const { memberId, clock, settings = {}, clients = {} } = options
  const stopping = new AbortController()
  const receipts: Record<string, unknown>[] = []
  const role = memberId.split('-')[0] ?? ''
  const clientNamed = <P extends Protocol>(name: string): Client<P> => {
    if (!Object.hasOwn(clients, name)) throw new Error(`no script for ${name}`)
    return clients[name] as Client<P> // the test wrote it for this protocol
  }
  return {
    memberId,
    settings,
    secrets: {},
    clock,
    log: silentLog,
    events: { publish() {}, subscribe: () => () => {} },
    workQueue: options.workQueue ?? new MemoryWorkQueue(clock),
    files: options.files ?? new MemoryFileStore(),
    auditStream: new MemoryRecordStream(),
    stopping: stopping.signal,
    receipts,
    stop: () => stopping.abort(),
    client: (protocol) => clientNamed(protocol.name),
    clientOf: (protocol, member) => clientNamed(`${protocol.name}@${member}`),
    sealTo: (group, subject, body) => sealHint(role, group, subject, body),
    async openFrom(subject, bytes) {
      const letter = unpack(bytes, 10_000) as { role?: string; subject?: string; body?: unknown }
      if (typeof letter.role !== 'string' || letter.subject !== subject)
        throw new Refusal('malformed', 'no sealed letter')
      return { role: letter.role, body: letter.body }
    },
    async signReceipt(claims) {
      receipts.push(claims)
      return JSON.stringify({ claims })
    },
  }
}

/** A letter as `sealTo` of the scripted host makes it. */
export function sealHint(role: string, group: string, subject: string, body: unknown): Uint8Array {
  return pack({ role, group, subject, body })
}
