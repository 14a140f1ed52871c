/**
 * The contract of the stream that keeps the audit log: bodies in order, each appended once, none ever removed by us. A full
 * stream refuses. It is not trusted: what it gives back may be changed, and its readers find out.
 */

export interface StreamRecord {
  seq: number
  body: Uint8Array
}

export interface RecordStream {
  /** Makes the stream where it is missing; safe to call by several at once. */
  prepare(): Promise<void>
  /**
   * @param messageId the same id within two minutes is kept once
   * @throws Refusal `overloaded` for a full stream, `unavailable` without an answer
   */
  append(messageId: string, body: Uint8Array): Promise<void>
  /** The sequence of the first and the last; last is 0 while there are none. */
  range(): Promise<{ first: number; last: number }>
  /** Those of the sequences `from` to `to` that exist, in order. */
  read(from: number, to: number): Promise<StreamRecord[]>
}
