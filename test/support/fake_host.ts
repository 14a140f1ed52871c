/**
 * A host in one process: services reach each other through it by plain calls, yet as letters would: requests and
 * replies are checked by their protocol and packed, and a seeded hand decides who comes first and which replies are
 * lost.
 */
import type { Protocol, Refusal, storage } from '../../messages/index.ts'
import { defined, pack, parseBy, unpack } from '../../messages/index.ts'
import type {
  Client,
  Clock,
  Events,
  Handlers,
  LetterContext,
  RecordStream,
  ServiceHost,
  Store,
} from '../../runtime/index.ts'
import { ManualClock, MemoryFileStore, MemoryRecordStream, MemoryWorkQueue, silentLog } from '../../runtime/index.ts'

const LETTER_BYTES_MAX = 900_000

/** What happens to letters on their way. */
export interface Weather {
  /** Resolves when the letter may go on; called before and after the handler. */
  pass(method: string): Promise<void>
  /** How often a letter is delivered; only the answer to the last delivery arrives. */
  deliveries(method: string): number
}
export const calm: Weather = { pass: async () => {}, deliveries: () => 1 }

/** Letters overtake each other, and some commits are delivered twice; all of it follows from the seed. */
export function rough(seed: number): Weather {
  let state = seed
  const random = (below: number) => {
    // A linear congruential generator; its high bits are random enough to shuffle with.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  return {
    async pass() {
      for (let turns = random(4); turns > 0; turns -= 1) await new Promise<void>((resolve) => setImmediate(resolve))
    },
    deliveries: (method) => (method === 'commit' && random(10) === 0 ? 2 : 1),
  }
}

type HandlerTable = Record<string, (request: unknown, context: LetterContext) => unknown>

/** A client whose requests go straight to the handlers. */
export function clientOf<P extends Protocol>(protocol: P, handlers: Handlers<P>, weather: Weather = calm): Client<P> {
  // Each handler takes its own request; what `send` hands it has passed that method's schema.
  const table = handlers as unknown as HandlerTable
  const methods = Object.keys(protocol.methods).map((method) => [
    method,
    (request: unknown, options?: { idempotencyKey?: string }) =>
      send(protocol, table, weather, method, request, options?.idempotencyKey),
  ])
  // The entries are the protocol's own methods; fromEntries forgets which.
  return Object.fromEntries(methods) as Client<P>
}

let letters = 0

async function send(
  protocol: Protocol,
  handlers: HandlerTable,
  weather: Weather,
  method: string,
  request: unknown,
  requestId = `letter ${(letters += 1)}`,
): Promise<unknown> {
  const shape = protocol.methods[method]
  const handler = handlers[method]
  if (shape === undefined || handler === undefined) throw new Error(`${protocol.name} has no method ${method}`)
  const parsed = parseBy(shape.request, travel(request), `${protocol.name}.${method}`)
  const context = {
    sender: { role: 'test', id: 'test' },
    requestId,
    deadlineMs: Number.MAX_SAFE_INTEGER,
    signal: new AbortController().signal,
    plain: false,
  }
  let reply: unknown
  for (let deliveries = weather.deliveries(method); deliveries > 0; deliveries -= 1) {
    await weather.pass(method)
    reply = await handler(parsed, context)
    await weather.pass(method)
  }
  return parseBy(shape.reply, travel(reply), `${protocol.name}.${method} reply`)
}

function travel(value: unknown): unknown {
  return unpack(pack(value), LETTER_BYTES_MAX)
}

/** The storage service over a store. */
export function storageHandlers(store: Store): Handlers<typeof storage> {
  return {
    async get({ key }) {
      const entry = await store.get(key)
      if (entry === undefined) throw new Error(`no test reads a key that is absent, and ${key} is`)
      return entry
    },
    async get_many({ keys }) {
      const entries = await Promise.all(keys.map((key) => store.get(key)))
      return { entries: entries.filter((entry) => entry !== undefined) }
    },
    async commit({ writes }) {
      return { revisions: await store.commit(writes) }
    },
    async scan({ prefix, limit, reverse, after }) {
      return { entries: await store.scan(prefix, { limit, reverse, ...defined({ after }) }) }
    },
  }
}

/** Events that arrive at once. */
export class LocalEvents implements Events {
  readonly published: { subject: string; fields: Record<string, string | number> }[] = []
  readonly #callbacks = new Map<string, Set<() => void>>()

  publish(subject: string, fields: Record<string, string | number>): void {
    this.published.push({ subject, fields })
    for (const callback of this.#callbacks.get(subject) ?? []) callback()
  }

  subscribe(subject: string, callback: () => void): () => void {
    const callbacks = this.#callbacks.get(subject) ?? new Set()
    this.#callbacks.set(subject, callbacks.add(callback))
    return () => callbacks.delete(callback)
  }

  /** How many subscribers wait for an event on the subject. */
  listeners(subject: string): number {
    return this.#callbacks.get(subject)?.size ?? 0
  }
}

export interface FakeHostParts {
  /** By the name of their protocol. */
  clients: Record<string, unknown>
  clock?: Clock
  events?: Events
  auditStream?: RecordStream
}

export function fakeHost({
  clients,
  clock = new ManualClock(),
  events = new LocalEvents(),
  auditStream = new MemoryRecordStream(),
}: FakeHostParts): ServiceHost {
  const unused = (what: string) => () => {
    throw new Error(`no test expects ${what}`)
  }
  return {
    memberId: 'management-test',
    settings: {},
    secrets: { audit_key: new Uint8Array(32) },
    clock,
    log: silentLog,
    events,
    workQueue: new MemoryWorkQueue(clock),
    files: new MemoryFileStore(),
    auditStream,
    stopping: new AbortController().signal,
    client<P extends Protocol>(protocol: P): Client<P> {
      const client = clients[protocol.name]
      if (client === undefined) throw new Error(`the test gives no client of ${protocol.name}`)
      // Whoever made the host put the client of a protocol under the protocol's name.
      return client as Client<P>
    },
    clientOf: unused('a client of one member'),
    sealTo: unused('sealing'),
    openFrom: unused('opening'),
    signReceipt: unused('a receipt'),
  }
}

/** The code of the refusal that a promise rejects with. */
export async function refusalOf(promise: Promise<unknown>): Promise<Refusal> {
  return promise.then(
    (value) => {
      throw new Error(`expected a refusal, not ${JSON.stringify(value)}`)
    },
    (error: Refusal) => error,
  )
}
