/**
 * Fencing tokens, `<stream sequence>.<delivery>`: each delivery of a staged message has a larger one than those before
 * it, so a worker that was given up cannot speak for the task any more.
 */
import { Refusal } from '../../../messages/index.ts'

const TOKEN = /^([1-9]\d{0,14})\.([1-9]\d{0,14})$/

export interface FencingToken {
  seq: number
  delivery: number
}

/** @throws Refusal `invalid_request` */
export function parseToken(text: string): FencingToken {
  const [, seq, delivery] = TOKEN.exec(text) ?? []
  if (seq === undefined || delivery === undefined) {
    throw new Refusal('invalid_request', 'token: is not <sequence>.<delivery>', { field: 'token' })
  }
  return { seq: Number(seq), delivery: Number(delivery) }
}

/** Negative when `a` was given out before `b`, zero for the same delivery. Compared as numbers: 10.1 is after 9.2. */
export function compareTokens(a: string, b: string): number {
  const [first, second] = [parseToken(a), parseToken(b)]
  return first.seq - second.seq || first.delivery - second.delivery
}
