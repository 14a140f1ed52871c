/** Byte strings in schemas: a Uint8Array inside an envelope, base64 text in a plain JSON request. */
import { z } from 'zod'

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Bytes of a length between `bytesMin` and `bytesMax`. */
export function bytes(bytesMin: number, bytesMax: number): z.ZodType<Uint8Array, Uint8Array | string> {
  const wanted = bytesMin === bytesMax ? `${bytesMin} bytes` : `${bytesMin} to ${bytesMax} bytes`
  return z
    .preprocess(
      (value) => (typeof value === 'string' && BASE64.test(value) ? Buffer.from(value, 'base64') : value),
      z
        .custom<Uint8Array>((value) => value instanceof Uint8Array, `must be bytes (base64 in JSON), ${wanted}`)
        .refine((value) => value.length >= bytesMin && value.length <= bytesMax, `must be ${wanted}`),
    )
    .meta({ type: 'string', contentEncoding: 'base64', 'x-bytes': wanted }) as z.ZodType<
    Uint8Array,
    Uint8Array | string
  >
}

/** A copy of `value` fit for JSON: each byte string becomes base64. */
export function toJsonValue(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(toJsonValue)
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, toJsonValue(field)]))
  }
  return value
}
