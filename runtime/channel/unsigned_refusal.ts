/**
 * What comes back outside of any envelope: the broker's word that nobody listens, or a refusal from where a frame could not
 * be opened. Nobody signed it. It can make an asker give up or try again, which the broker can do anyway; what none but a
 * handler decides, it cannot say: nobody is revoked by a header.
 */
import { COMMON_REFUSALS, HEADERS, parseRefusal, Refusal } from '../../messages/index.ts'
import type { Delivery } from '../broker/transport.ts'

/** Undefined for what may be an envelope. */
export function readUnsigned(delivery: Delivery): Refusal | undefined {
  if (delivery.noResponders) return new Refusal('unavailable', 'nobody answers for this service')
  const code = delivery.header(HEADERS.code)
  if (code === undefined) return undefined
  const refusal = parseRefusal({ code, message: delivery.header(HEADERS.error) })
  if (COMMON_REFUSALS.includes(refusal.code)) return refusal
  return new Refusal('unavailable', 'an answer that nobody signed was ignored')
}
