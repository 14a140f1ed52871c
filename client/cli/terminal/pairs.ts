/** Reads what flags like `--input name=value` collect. */
import type { JsonValue } from '../../../messages/index.ts'
import { Refusal } from '../../../messages/index.ts'

/** For commander: collects a flag that may be given several times. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
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

/** `name=user,user` pairs: who owns each declared file. */
export function parseOwners(pairs: readonly string[], flag: string): Record<string, string[]> {
  return Object.fromEntries(Object.entries(parsePairs(pairs, flag)).map(([name, users]) => [name, users.split(',')]))
}

/** `key=value` arguments: JSON where the value is JSON, otherwise text. */
export function parseArguments(pairs: readonly string[]): Record<string, JsonValue> {
  return Object.fromEntries(
    Object.entries(parsePairs(pairs, '--argument')).map(([key, text]) => {
      try {
        return [key, JSON.parse(text) as JsonValue]
      } catch {
        return [key, text]
      }
    }),
  )
}
