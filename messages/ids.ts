/** Identifiers: `<kind>-<uuid v4>`. An id of the wrong kind is refused where it is parsed, not where it is looked up. */
import { createHash, randomUUID } from 'node:crypto'
import { z } from 'zod'

export type IdKind = 'function' | 'input' | 'output' | 'task'

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'

function idOf(...kinds: [IdKind, ...IdKind[]]) {
  return z.string().regex(new RegExp(`^(?:${kinds.join('|')})-${UUID}$`), `must be ${kinds.join(' or ')}-<uuid v4>`)
}

export const functionId = idOf('function')
export const inputId = idOf('input')
export const outputId = idOf('output')
export const dataId = idOf('input', 'output')
export const taskId = idOf('task')

/** A user's name: 1 to 64 letters, digits and `._@-`; it begins with a letter or digit. */
export const userId = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/,
    'must be 1 to 64 letters, digits, . _ @ -, beginning with a letter or digit',
  )

/**
 * The id of what a request creates. The same request id always gives the same id, so a request that is delivered
 * twice, to whichever member, creates one thing. Without a request id the result is random.
 */
export function createId(kind: IdKind, requestId?: string): string {
  if (requestId === undefined) return `${kind}-${randomUUID()}`
  const bytes = createHash('sha256').update(`tacit id\0${kind}\0${requestId}`).digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return `${kind}-${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
