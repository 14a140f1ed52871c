/** Test data beside the checkout, which is not part of it. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FIXTURES = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url))

/** The path of a fixture. Where it is absent a warning says so, and only the caller's synthetic cases are tested. */
export function sharedFixture(name: string): string | undefined {
  const path = `${FIXTURES}${name}`
  if (existsSync(path)) return path
  process.stderr.write(`\n*** NOT TESTED: the fixture ${name} is not beside the checkout (${FIXTURES}) ***\n`)
  return undefined
}
