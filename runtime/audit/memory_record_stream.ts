/**
 * A record stream in memory, for tests: the same contract, and a test may do with `records` whatever a broker could.
 */
import { Refusal } from '../../messages/index.ts'
import type { RecordStream, StreamRecord, StreamUsage } from './record_stream.ts'

export class MemoryRecordStream implements RecordStream {
  records: StreamRecord[] = []
  /** What `usage` says; nothing here is bounded by it. */
  bytesMax = Number.POSITIVE_INFINITY
  readonly #recordsMax: number
  readonly #ids = new Set<string>()
  #last = 0

  constructor(recordsMax = 1_000_000) {
    this.#recordsMax = recordsMax
  }

  async prepare(_bytesMax: number): Promise<void> {}

  async append(messageId: string, body: Uint8Array): Promise<void> {
    if (this.#ids.has(messageId)) return
    if (this.records.length >= this.#recordsMax) throw new Refusal('overloaded', 'the stream is full')
    this.#ids.add(messageId)
    this.records.push({ seq: (this.#last += 1), body: Uint8Array.from(body) })
  }

  async usage(): Promise<StreamUsage> {
    return { bytes: this.records.reduce((sum, { body }) => sum + body.length, 0), bytesMax: this.bytesMax }
  }

  async range(): Promise<{ first: number; last: number }> {
    return { first: this.records[0]?.seq ?? this.#last + 1, last: this.#last }
  }

  async read(from: number, to: number): Promise<StreamRecord[]> {
    return this.records.filter(({ seq }) => seq >= from && seq <= to)
  }
}
