/**
 * The letters inside frames are positional arrays in msgpack. They are checked by hand, not by a schema, because every
 * call passes here four times.
 */
import { pack, unpack } from './codec.ts'
import { IDEMPOTENCY_KEY_LENGTH_MAX, LETTER_BYTES_MAX } from '../limits.ts'
import type { RefusalNote } from '../refusal.ts'
import { Refusal } from '../refusal.ts'

/** No method has a longer name, and refusals would repeat it. */
const METHOD_LENGTH_MAX = 128

export interface RequestLetter {
  /** Counts the asker's requests; a retry keeps its number. With the asker's key it names the request for ever. */
  number: number
  method: string
  /** The moment after which nobody waits, ms since 1970. */
  deadlineMs: number
  /** Two requests with the same key are the same request; null: two with the same number are. */
  idempotencyKey: string | null
  body: unknown
}

export type ReplyLetter = { number: number; body: unknown } | { number: number; refusal: unknown }

/** Refuses `invalid_request` and `too_large` here, because on the other side the refusal would cost the whole frame. */
export function encodeRequest(letter: RequestLetter): Buffer {
  if (!isIdempotencyKey(letter.idempotencyKey)) {
    throw new Refusal('invalid_request', `an idempotency key has at most ${IDEMPOTENCY_KEY_LENGTH_MAX} characters`, {
      hint: 'send a digest of it instead',
    })
  }
  return bounded(pack([letter.number, letter.method, letter.deadlineMs, letter.idempotencyKey, letter.body]))
}

export function parseRequest(bytes: Uint8Array): RequestLetter {
  const value = unpack(bytes, LETTER_BYTES_MAX)
  if (!Array.isArray(value) || value.length !== 5) throw malformed()
  const [number, method, deadlineMs, idempotencyKey, body] = value as unknown[]
  if (!isCount(number) || typeof method !== 'string' || method.length > METHOD_LENGTH_MAX) throw malformed()
  if (typeof deadlineMs !== 'number' || !Number.isFinite(deadlineMs) || !isIdempotencyKey(idempotencyKey))
    throw malformed()
  return { number, method, deadlineMs, idempotencyKey, body }
}

export function encodeReply(number: number, body: unknown): Buffer {
  return bounded(pack([number, 0, body]))
}

export function encodeRefusal(number: number, note: RefusalNote): Buffer {
  return pack([number, 1, note])
}

export function parseReply(bytes: Uint8Array): ReplyLetter {
  const value = unpack(bytes, LETTER_BYTES_MAX)
  if (!Array.isArray(value) || value.length !== 3) throw malformed()
  const [number, status, body] = value as unknown[]
  if (!isCount(number)) throw malformed()
  if (status === 0) return { number, body }
  if (status === 1) return { number, refusal: body }
  throw malformed()
}

function isIdempotencyKey(value: unknown): value is string | null {
  return value === null || (typeof value === 'string' && value.length <= IDEMPOTENCY_KEY_LENGTH_MAX)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function bounded(bytes: Buffer): Buffer {
  if (bytes.length <= LETTER_BYTES_MAX) return bytes
  throw new Refusal('too_large', `a letter of ${bytes.length} bytes is more than the ${LETTER_BYTES_MAX} allowed`, {
    hint: 'put large content into the object store and send its name',
  })
}

function malformed(): Refusal {
  return new Refusal('malformed', 'the letter has another form')
}
