/**
 * The contract of the stream that keeps the audit log: bodies in order, each appended once, none ever removed by us. A full
 * stream refuses. It is not trusted: what it gives back may be changed, and its readers find out.
 */

export interface StreamRecord {
  seq: number
  body: Uint8Array
}

/** What the log has room for unless the operator says otherwise. */
export const AUDIT_BYTES = 8 * 1024 ** 3

/** What a stream holds, and what it has room for: `Infinity` where nothing bounds it. */
export interface StreamUsage {
  bytes: number
  bytesMax: number
}

/** From here on an operator should see to it. */
const SHORT_PERCENT = 80

/** How full a stream is, and whether its room becomes short. */
export function fillOf({ bytes, bytesMax }: StreamUsage): { percent: number; isShort: boolean } {
  const percent = Math.floor((bytes / bytesMax) * 100)
  return { percent, isShort: percent >= SHORT_PERCENT }
}

export interface RecordStream {
  /**
   * Makes the stream where it is missing, with so much room; one that is there is left as it is. Safe to call by several at once.
   * @throws Refusal `too_large` when the broker has not so much
   */
  prepare(bytesMax: number): Promise<void>
  /**
   * @param messageId the same id within two minutes is kept once
   * @throws Refusal `overloaded` for a full stream, `unavailable` without an answer
   */
  append(messageId: string, body: Uint8Array): Promise<void>
  usage(): Promise<StreamUsage>
  /** The sequence of the first and the last; last is 0 while there are none. */
  range(): Promise<{ first: number; last: number }>
  /** Those of the sequences `from` to `to` that exist, in order. */
  read(from: number, to: number): Promise<StreamRecord[]>
}
