/** Test data that lies beside the checkout and is not part of it. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FIXTURES = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url))

/** The path of a fixture; absent, it says so loudly, and the caller's synthetic cases must do. */
export function sharedFixture(name: string): string | undefined {
  const path = `${FIXTURES}${name}`
  if (existsSync(path)) return path
  process.stderr.write(`\n*** NOT TESTED: the fixture ${name} is not beside the checkout (${FIXTURES}) ***\n`)
  return undefined
}
