/** The refusals that all file schemes share. */
import { Refusal } from '../../messages/index.ts'

export const TAG_BYTES = 16

/** One answer for a wrong key, iv, tag and content: which of them it was is nobody's business but the owner's. */
export function mismatch(): Refusal {
  return new Refusal('tag_mismatch', 'the file does not match its registered tag', {
    hint: 'register the file that is stored there, with its key, iv and tag',
  })
}

/** @throws Refusal `invalid_request` unless `value` has `wanted` bytes */
export function checkLength(what: string, value: Uint8Array | undefined, wanted: number): void {
  if (value?.length === wanted) return
  throw new Refusal('invalid_request', `${what} has ${value?.length ?? 'no'} bytes`, {
    hint: `it must have ${wanted}`,
    field: 'crypto',
  })
}
