/** The values of flags: what a flag such as `--input name=value` or `--from <moment>` says, read for commander. */
import { InvalidArgumentError } from 'commander'
import type { JsonValue } from '../../../messages/index.ts'
import { mapValues, Refusal } from '../../../messages/index.ts'

/** Collects a flag that may be given several times. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}

/** A whole number, 0 or more. */
export function parseCount(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is needed')
  return value
}

/** Milliseconds since 1970, given as that number or as a date. */
export function parseMoment(text: string): number {
  const at = /^\d{13}$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isNaN(at)) throw new InvalidArgumentError('a moment is needed, such as 2026-01-31T12:00:00Z')
  return at
}

/** `name=value` pairs, each name once. */
export function parsePairs(pairs: readonly string[], flag: string): Record<string, string> {
  const result: Record<string, string> = {}
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    const name = pair.slice(0, at)
    if (at < 1 || Object.hasOwn(result, name)) {
      throw new Refusal('invalid_request', `${flag} "${pair}" is not name=value, or its name is given twice`, {
        hint: `write ${flag} name=value`,
        field: flag,
      })
    }
    result[name] = pair.slice(at + 1)
  }
  return result
}

/** `name=user,user` pairs: the owners of each declared file. */
export function parseOwners(pairs: readonly string[], flag: string): Record<string, string[]> {
  return mapValues(parsePairs(pairs, flag), (users) => users.split(','))
}

/** `key=value` arguments. A value that is JSON is taken as JSON, any other as text. */
export function parseArguments(pairs: readonly string[]): Record<string, JsonValue> {
  return mapValues(parsePairs(pairs, '--argument'), (text) => {
    try {
      return JSON.parse(text) as JsonValue
    } catch {
      return text
    }
  })
}
