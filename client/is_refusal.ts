/** Telling refusals apart by their codes, which the compiler knows: programs never match on a text. */
import type { RefusalCode } from '../messages/index.ts'
import { Refusal } from '../messages/index.ts'

/**
 * True for a refusal with one of the codes; for any refusal when none is named. What else is thrown is a defect, and not
 * for a caller to handle.
 *
 *     if (isRefusal(error, 'stale_terms')) ...
 */
export function isRefusal<Code extends RefusalCode = RefusalCode>(
  error: unknown,
  ...codes: readonly Code[]
): error is Refusal & { readonly code: Code } {
  if (!(error instanceof Refusal)) return false
  const wanted: readonly RefusalCode[] = codes
  return wanted.length === 0 || wanted.includes(error.code)
}
