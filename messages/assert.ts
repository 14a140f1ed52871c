/** Guards our own mistakes, in production too: what fails here is a defect, never an answer to a caller. */
export function assert(condition: unknown, because: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${because}`)
}
