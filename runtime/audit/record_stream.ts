/**
 * The contract of the stream that keeps the audit log: bodies in order, each appended once, none ever removed by us. A
 * full stream refuses. It is not trusted: whoever reads from it finds out when something was changed.
 */

export interface StreamRecord {
  seq: number
  body: Uint8Array
}

/** How many bytes the log may take unless the operator says otherwise. */
export const AUDIT_BYTES = 8 * 1024 ** 3

/** How many bytes a stream holds, and how many it may hold: `Infinity` where nothing bounds it. */
export interface StreamUsage {
  bytes: number
  bytesMax: number
}

/** From here on the operator should give the log more room. */
const SHORT_PERCENT = 80

/** How full a stream is, and whether its room is running out. */
export function fillOf({ bytes, bytesMax }: StreamUsage): { percent: number; isShort: boolean } {
  const percent = Math.floor((bytes / bytesMax) * 100)
  return { percent, isShort: percent >= SHORT_PERCENT }
}

export interface RecordStream {
  /**
   * Makes the stream with this bound where it is missing; one that is there is left as it is. Several members may call
   * at once.
   * @throws Refusal `too_large` when the broker has less room
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
