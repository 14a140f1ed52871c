import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cachedServerPath } from '../../../deploy/nats_server/find.ts'
import { ensureNatsServer } from '../../../deploy/nats_server/install.ts'
import { temporaryFolder } from '../../support/temporary_folder.ts'

/** A `go` of our own: no test fetches a server. */
async function putGo(folder: string, script: string): Promise<string> {
  const path = join(folder, 'tools', 'go')
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
  return `${dirname(path)}:/usr/bin:/bin`
}

const BUILD = `[ "$1" = install ] || exit 9
case "$2" in *nats-server/v2@v2.15.2) ;; *) exit 8 ;; esac
printf '#!/bin/sh\\necho "nats-server: v2.15.2"\\n' > "$GOBIN/nats-server"
chmod 755 "$GOBIN/nats-server"`

describe('on a machine without a nats-server', () => {
  test('the pinned version is got by Go, and the operator is told', async () => {
    await using folder = await temporaryFolder()
    const cacheFolder = join(folder.path, 'cache')
    const said: string[] = []
    const searchPath = await putGo(folder.path, BUILD)
    const server = await ensureNatsServer({ searchPath, cacheFolder }, (text) => said.push(text))
    expect(server).toMatchObject({ path: cachedServerPath(cacheFolder), version: [2, 15, 2], from: 'cache' })
    expect(said[0]).toMatch(/no nats-server found: getting version 2\.15\.2/)
    expect(await readdir(cacheFolder)).toEqual(['nats-server-2.15.2'])
  })

  test('two that get it at once do not disturb each other', async () => {
    await using folder = await temporaryFolder()
    const search = { searchPath: await putGo(folder.path, BUILD), cacheFolder: join(folder.path, 'cache') }
    const both = await Promise.all([ensureNatsServer(search, () => {}), ensureNatsServer(search, () => {})])
    expect(both.map(({ path }) => path)).toEqual([
      cachedServerPath(search.cacheFolder),
      cachedServerPath(search.cacheFolder),
    ])
  })
})

test('where it cannot be got, the refusal has the commands and what went wrong', async () => {
  await using folder = await temporaryFolder()
  const search = {
    // Only this `go` is on the path, so nothing else can be tried, whoever runs the test.
    searchPath: (await putGo(folder.path, 'echo "proxy says no" >&2; exit 1')).split(':')[0]!,
    cacheFolder: join(folder.path, 'cache'),
  }
  const refusal = await ensureNatsServer(search, () => {}).catch((error: unknown) => error)
  expect(refusal).toMatchObject({ code: 'no_broker' })
  expect(String(refusal)).toContain('proxy says no')
  expect(refusal).toHaveProperty(
    'hint',
    expect.stringContaining('go install github.com/nats-io/nats-server/v2@v2.15.2'),
  )
  expect(refusal).toHaveProperty('hint', expect.stringContaining('apt-get install nats-server'))
  expect(refusal).toHaveProperty('hint', expect.stringContaining('NATS_URL'))
})
