/**
 * Identifiers: `<kind>-<uuid v4>`. An id of the wrong kind is refused where it is parsed, not where it is looked up.
 */
import { createHash, randomUUID } from 'node:crypto'
import { z } from 'zod'

export type IdKind = 'function' | 'input' | 'output' | 'task'

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'

function idOf(...kinds: [IdKind, ...IdKind[]]) {
  return z.string().regex(new RegExp(`^(?:${kinds.join('|')})-${UUID}$`), `must be ${kinds.join(' or ')}-<uuid v4>`)
}

export const functionId = idOf('function').meta({
  description: 'A function: `function-<uuid>`.',
  examples: ['function-2b1f6c0e-8d4a-4c1b-9a52-6f0e3d7a91c4'],
})
export const inputId = idOf('input').meta({
  description: 'A registered input: `input-<uuid>`.',
  examples: ['input-7c9e6679-7425-40de-944b-e07fc1f90ae7'],
})
export const outputId = idOf('output').meta({
  description: 'A registered output: `output-<uuid>`.',
  examples: ['output-3f333df6-90a4-4fda-8dd3-9485d27cee36'],
})
export const dataId = idOf('input', 'output').meta({
  description: 'Registered data: `input-<uuid>` or `output-<uuid>`.',
  examples: ['input-7c9e6679-7425-40de-944b-e07fc1f90ae7'],
})
export const taskId = idOf('task').meta({
  description: 'A task: `task-<uuid>`.',
  examples: ['task-9d2a5b1c-0e7f-4a36-b8c4-51f2d6e3a708'],
})

export const userId = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/,
    'must be 1 to 64 letters, digits, . _ @ -, beginning with a letter or digit',
  )
  .meta({
    description: 'A user: 1 to 64 letters, digits and `._@-`, beginning with a letter or digit.',
    examples: ['alice'],
  })

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
