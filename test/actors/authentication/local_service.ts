/**
 * Services in one process, for tests of what they decide: letters go from a client straight to the handlers, through
 * the protocol's schemas but through no broker. Storage is a map with the contract's compare-and-set.
 */
import { randomBytes } from 'node:crypto'
import type { Protocol } from '../../../messages/index.ts'
import { assert, defined, parseBy, Refusal, storage } from '../../../messages/index.ts'
import type { Actor, Client, Clock, LetterContext, Log, ServiceHost } from '../../../runtime/index.ts'
import { actor, MemoryRecordStream, silentLog } from '../../../runtime/index.ts'

/** A client's letter: from which key, or plain with which bearer token. */
export interface Origin {
  id?: string
  plain?: boolean
  bearer?: string
  requestId?: string
  deadlineMs?: number
}

export const KEY_A = 'a'.repeat(64)
export const KEY_B = 'b'.repeat(64)

function contextOf(origin: Origin, idempotencyKey: string | undefined): LetterContext {
  const plain = origin.plain ?? false
  return {
    sender: { role: 'client', id: origin.id ?? (plain ? 'plain' : KEY_A) },
    requestId: idempotencyKey ?? origin.requestId ?? randomBytes(8).toString('hex'),
    deadlineMs: origin.deadlineMs ?? Number.MAX_SAFE_INTEGER,
    signal: new AbortController().signal,
    plain,
    ...defined({ bearer: origin.bearer }),
  }
}

/** A client whose letters all come from one origin. */
export function localClient<P extends Protocol>(served: Actor<P>, origin: Origin = {}): Client<P> {
  const handlers = served.handlers as Record<string, (request: unknown, context: LetterContext) => unknown>
  const methods = Object.entries(served.protocol.methods).map(([name, method]) => [
    name,
    async (request: unknown, options?: { idempotencyKey?: string }) => {
      const parsed = parseBy(method.request, request, name)
      const reply = await handlers[name]!(parsed, contextOf(origin, options?.idempotencyKey))
      return parseBy(method.reply, reply, name)
    },
  ])
  return Object.fromEntries(methods) as Client<P>
}

export interface MemoryStorage {
  actor: Actor<typeof storage>
  entries: Map<string, { value: Uint8Array; revision: number }>
  /** Called before each commit is applied; what it throws, the commit answers. */
  beforeCommit: (keys: string[]) => void | Promise<void>
}

export function memoryStorage(): MemoryStorage {
  const entries: MemoryStorage['entries'] = new Map()
  let revision = 0
  const memory: MemoryStorage = {
    entries,
    beforeCommit: () => undefined,
    actor: actor(storage, {
      get({ key }) {
        const entry = entries.get(key)
        if (entry === undefined) throw new Refusal('not_found', `nothing is stored under ${key}`)
        return entry
      },
      get_many: ({ keys }) => ({
        entries: keys.flatMap((key) => (entries.has(key) ? [{ key, ...entries.get(key)! }] : [])),
      }),
      async commit({ writes }) {
        await memory.beforeCommit(writes.map(({ key }) => key))
        for (const write of writes) {
          assert('revision' in write, 'authentication counts nothing in storage')
          const stored = entries.get(write.key)?.revision ?? 0
          if (stored !== write.revision) throw new Refusal('conflict', `${write.key} has revision ${stored}`)
        }
        const revisions = writes.map((write) => {
          const { key } = write
          const value = 'value' in write ? write.value : undefined
          revision += 1
          if (value === null) entries.delete(key)
          else if (value !== undefined) entries.set(key, { value, revision })
          return revision
        })
        return { revisions }
      },
      scan({ prefix, after, limit }) {
        const keys = [...entries.keys()]
          .filter((key) => key.startsWith(prefix) && (after === undefined || key > after))
          .sort()
        return { entries: keys.slice(0, limit).map((key) => ({ key, ...entries.get(key)! })) }
      },
    }),
  }
  return memory
}

/** A host that offers what the three services use; the rest is not there, and asking for it fails the test. */
export function localHost(parts: {
  clock: Clock
  actors: Actor[]
  log?: Log
  settings?: Record<string, unknown>
  saveAdminPassword?: (password: string) => Promise<void>
  auditStream?: MemoryRecordStream
}): ServiceHost {
  const { clock, actors, log = silentLog, settings = {}, saveAdminPassword } = parts
  const host = {
    memberId: 'member-1',
    settings,
    secrets: { audit_key: new Uint8Array(32) },
    auditStream: parts.auditStream ?? new MemoryRecordStream(),
    clock,
    log,
    stopping: new AbortController().signal,
    client(protocol: Protocol) {
      const served = actors.find((other) => other.protocol.name === protocol.name)
      if (served === undefined) throw new Error(`no ${protocol.name} in this test`)
      return localClient(served)
    },
    ...defined({ saveAdminPassword }),
  }
  return host as unknown as ServiceHost
}

/** A log that keeps its lines. */
export function keptLog(): { log: Log; lines: { fields: object; text: string }[] } {
  const lines: { fields: object; text: string }[] = []
  const keep = (fields: object, text: string) => void lines.push({ fields, text })
  return { lines, log: { debug: keep, info: keep, warn: keep, error: keep } }
}
