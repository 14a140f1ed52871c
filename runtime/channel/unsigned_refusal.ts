/**
 * Refusals outside of any envelope: the broker's word that nobody listens, or the answer to a frame that could not be
 * opened. Nobody signed them. They can make an asker give up or try again, which the broker can do anyway. They cannot
 * say what only a handler decides: no header revokes anybody.
 */
import { COMMON_REFUSALS, HEADERS, parseRefusal, Refusal } from '../../messages/index.ts'
import type { Delivery, Transport } from '../broker/transport.ts'

const HEADER_LENGTH_MAX = 512

/** The refusal that a delivery is; undefined for what may be an envelope. */
export function readUnsigned(delivery: Delivery): Refusal | undefined {
  if (delivery.noResponders) return new Refusal('unavailable', 'nobody answers for this service')
  const code = delivery.header(HEADERS.code)
  if (code === undefined) return undefined
  const refusal = parseRefusal({ code, message: delivery.header(HEADERS.error) })
  if (COMMON_REFUSALS.includes(refusal.code)) return refusal
  return new Refusal('unavailable', 'an answer that nobody signed was ignored')
}

/** Refuses where there is no peer to seal an answer to. */
export function publishUnsigned(transport: Pick<Transport, 'publish'>, reply: string, refusal: Refusal): void {
  transport.publish(reply, Buffer.from(JSON.stringify(refusal.toNote())), {
    headers: {
      [HEADERS.error]: toHeaderText(refusal.message),
      [HEADERS.errorCode]: String(refusal.status),
      [HEADERS.code]: refusal.code,
    },
  })
}

/** To the outside, all failures of cryptography look alike: what failed is the cause, which stays in the log. */
export function withoutReason(refusal: Refusal): Refusal {
  if (refusal.code !== 'not_admitted' || refusal.cause === undefined) return refusal
  return new Refusal('not_admitted', 'the sender is not admitted', {
    hint: 'a member: see its log; a client: connect again, with the manifest that the operator publishes',
  })
}

/** A refusal may quote what a stranger sent, and a line break in a header would end the connection. */
function toHeaderText(text: string): string {
  return text.slice(0, HEADER_LENGTH_MAX).replaceAll(/[^ -~\u{a0}-\u{10ffff}]/gu, ' ')
}
