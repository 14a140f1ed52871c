/** Moments that stand behind a flag. */
import { InvalidArgumentError } from 'commander'

/** For commander: ms since 1970, as they are or from a date. */
export function parseMoment(text: string): number {
  const at = /^\d{13}$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isNaN(at)) throw new InvalidArgumentError('a moment is needed, such as 2026-01-31T12:00:00Z')
  return at
}
