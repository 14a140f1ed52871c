/**
 * The audit log on JetStream: stream AUDIT. When it is full it refuses new records, since dropping the oldest would
 * leave a gap that looks like an attack; whoever runs the deployment gives it more room in time (`grow`). It is read by
 * sequence, many messages at once.
 */
import type { JetStreamManager } from '@nats-io/jetstream'
import { DiscardPolicy, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import { AUDIT_STREAM, auditSubject, Refusal } from '../../messages/index.ts'
import type { Clock } from '../clock.ts'
import { JetStreamPublisher } from '../broker/jetstream_publisher.ts'
import { API_CODES, apiCode, refuseBrokerError } from '../broker/jetstream_refusal.ts'
import type { RecordStream, StreamRecord, StreamUsage } from './record_stream.ts'
import { inboxPrefixOf, watchConnection } from '../broker/transport.ts'

const API_TIMEOUT_MS = 2_000
const DUPLICATE_WINDOW_NS = 120_000 * 1_000_000

export interface JetStreamRecordStreamOptions {
  clock: Clock
  service: string
  memberId: string
}

export class JetStreamRecordStream implements RecordStream {
  readonly #nc: NatsConnection
  readonly #subject: string
  readonly #publisher: JetStreamPublisher
  #manager: Promise<JetStreamManager> | undefined

  constructor(nc: NatsConnection, { clock, service, memberId }: JetStreamRecordStreamOptions) {
    this.#nc = nc
    this.#subject = auditSubject(service, memberId)
    this.#publisher = new JetStreamPublisher(nc, clock, inboxPrefixOf(nc))
    void watchConnection(nc, ({ type }) => {
      if (type === 'disconnect' || type === 'reconnect') this.#publisher.setConnected(type === 'reconnect')
    })
  }

  async prepare(bytesMax: number): Promise<void> {
    const jsm = await this.#jsm()
    try {
      const found = await jsm.streams.info(AUDIT_STREAM).catch((error: unknown) => {
        if (apiCode(error) === API_CODES.streamNotFound) return undefined
        throw error
      })
      if (found === undefined) await this.#make(jsm, bytesMax)
      else if (found.config.retention !== RetentionPolicy.Limits || found.config.discard !== DiscardPolicy.New) {
        throw new Refusal('unsupported', `the broker's stream ${AUDIT_STREAM} would lose records`, {
          hint: 'it must have retention "limits" and discard "new": move that stream away, or use another broker',
        })
      }
    } catch (error) {
      throw refuseBrokerError(error, 'making the audit log')
    }
  }

  /**
   * Raises the bound of the stream's bytes; never lowers it. Members may not: the log's bounds are the operator's.
   * @throws Refusal `too_large` when the broker has less room
   */
  async grow(bytesMax: number): Promise<void> {
    if ((await this.usage()).bytesMax >= bytesMax) return
    const jsm = await this.#jsm()
    try {
      await jsm.streams.update(AUDIT_STREAM, { max_bytes: bytesMax })
    } catch (error) {
      throw refuseBrokerError(error, 'giving the audit log more room')
    }
  }

  async usage(): Promise<StreamUsage> {
    const jsm = await this.#jsm()
    try {
      const { state, config } = await jsm.streams.info(AUDIT_STREAM)
      return { bytes: state.bytes, bytesMax: config.max_bytes > 0 ? config.max_bytes : Number.POSITIVE_INFINITY }
    } catch (error) {
      throw refuseBrokerError(error, 'looking at the audit log')
    }
  }

  async append(messageId: string, body: Uint8Array): Promise<void> {
    await this.#publisher.publish(this.#subject, messageId, body, {})
  }

  async range(): Promise<{ first: number; last: number }> {
    const jsm = await this.#jsm()
    try {
      const { state } = await jsm.streams.info(AUDIT_STREAM)
      // A stream that never held anything says 0 for both.
      return { first: Math.max(1, state.first_seq), last: state.last_seq }
    } catch (error) {
      throw refuseBrokerError(error, 'looking at the audit log')
    }
  }

  async read(from: number, to: number): Promise<StreamRecord[]> {
    const jsm = await this.#jsm()
    const seqs = Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index)
    try {
      const found = await Promise.all(seqs.map((seq) => this.#readOne(jsm, seq)))
      return found.filter((record) => record !== undefined)
    } catch (error) {
      throw refuseBrokerError(error, 'reading the audit log')
    }
  }

  async #readOne(jsm: JetStreamManager, seq: number): Promise<StreamRecord | undefined> {
    try {
      const message = await jsm.streams.getMessage(AUDIT_STREAM, { seq })
      // The sequence is only the broker's word; the pages themselves say where they belong.
      return message === null ? undefined : { seq, body: message.data }
    } catch (error) {
      if (apiCode(error) === API_CODES.noMessageFound) return undefined
      throw error
    }
  }

  async #make(jsm: JetStreamManager, bytesMax: number): Promise<void> {
    try {
      await jsm.streams.add({
        name: AUDIT_STREAM,
        subjects: [auditSubject('*', '*')],
        retention: RetentionPolicy.Limits,
        storage: StorageType.File,
        discard: DiscardPolicy.New,
        max_bytes: bytesMax,
        duplicate_window: DUPLICATE_WINDOW_NS,
        allow_direct: true,
      })
    } catch (error) {
      // Another member made it at the same moment.
      if (apiCode(error) !== API_CODES.streamNameInUse) throw error
    }
  }

  #jsm(): Promise<JetStreamManager> {
    return (this.#manager ??= jetstreamManager(this.#nc, { checkAPI: false, timeout: API_TIMEOUT_MS }))
  }
}
