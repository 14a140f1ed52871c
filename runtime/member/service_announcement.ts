/**
 * The NATS service protocol (ADR-32): each member answers `$SRV.PING`, `.INFO` and `.STATS`, so that `nats micro ls`,
 * `info`, `stats` and `ping` show the member, its endpoints, and, as metadata, what was attested about it.
 */
import type { Protocol } from '../../messages/index.ts'
import { callersOf, requestSubject } from '../../messages/index.ts'
import type { Delivery, Subscription, Transport } from '../broker/transport.ts'

/** The counts and times of each method that STATS shows. */
export class EndpointStats {
  readonly #methods: ReadonlyMap<string, { requests: number; errors: number; nanoseconds: number }>

  constructor(protocol: Protocol) {
    this.#methods = new Map(
      Object.keys(protocol.methods).map((name) => [name, { requests: 0, errors: 0, nanoseconds: 0 }]),
    )
  }

  /** Does not count unknown methods: a stranger must not be able to grow this map. */
  record(method: string, ms: number, failed: boolean): void {
    const entry = this.#methods.get(method)
    if (entry === undefined) return
    entry.requests += 1
    entry.nanoseconds += Math.round(ms * 1e6)
    if (failed) entry.errors += 1
  }

  of(method: string): { requests: number; errors: number; nanoseconds: number } {
    return this.#methods.get(method) ?? { requests: 0, errors: 0, nanoseconds: 0 }
  }
}

export interface Announcement {
  protocol: Protocol
  memberId: string
  version: string
  /** ISO time of the start. */
  started: string
  /** Read anew for each answer, because passports are renewed. */
  metadata: () => Record<string, string>
  /** What STATS shows beside the counts: load and slots. */
  data: () => Record<string, unknown>
  stats: EndpointStats
}

/** Begins to answer; the returned function ends it. */
export function announceService(transport: Transport, announcement: Announcement): () => void {
  const { protocol, memberId } = announcement
  const answers = {
    PING: () => head('ping', announcement),
    INFO: () => ({
      ...head('info', announcement),
      description: protocol.about,
      endpoints: Object.entries(protocol.methods).map(([name, method]) => ({
        name,
        subject: requestSubject(protocol.name, name),
        queue_group: protocol.name,
        metadata: {
          about: method.about,
          callers: callersOf(protocol, name).join(','),
          refuses: method.refuses.join(','),
          plain: String(method.plain ?? false),
        },
      })),
    }),
    STATS: () => ({
      ...head('stats', announcement),
      started: announcement.started,
      endpoints: Object.keys(protocol.methods).map((name) => {
        const { requests, errors, nanoseconds } = announcement.stats.of(name)
        return {
          name,
          subject: requestSubject(protocol.name, name),
          queue_group: protocol.name,
          num_requests: requests,
          num_errors: errors,
          last_error: '',
          processing_time: nanoseconds,
          average_processing_time: requests === 0 ? 0 : Math.round(nanoseconds / requests),
          data: announcement.data(),
        }
      }),
    }),
  }
  const subscriptions: Subscription[] = Object.entries(answers).flatMap(([verb, answer]) =>
    [`$SRV.${verb}`, `$SRV.${verb}.${protocol.name}`, `$SRV.${verb}.${protocol.name}.${memberId}`].map((subject) =>
      transport.subscribe(subject, {}, ({ reply }: Delivery) => {
        if (reply !== undefined) transport.publish(reply, Buffer.from(JSON.stringify(answer())))
      }),
    ),
  )
  return () => {
    for (const subscription of subscriptions) subscription.unsubscribe()
  }
}

function head(kind: string, { protocol, memberId, version, metadata }: Announcement) {
  return { type: `io.nats.micro.v1.${kind}_response`, name: protocol.name, id: memberId, version, metadata: metadata() }
}
