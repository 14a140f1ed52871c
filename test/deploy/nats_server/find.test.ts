import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { cachedServerPath, findNatsServer, floorWarning } from '../../../deploy/nats_server/find.ts'
import { temporaryFolder } from '../../support/temporary_folder.ts'

async function putServer(path: string, version: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, `#!/bin/sh\necho "nats-server: v${version}"\n`)
  await chmod(path, 0o755)
  return path
}

test('a given path comes before all others, and no other is tried when it is wrong', async () => {
  await using folder = await temporaryFolder()
  const given = await putServer(join(folder.path, 'given', 'server'), '2.14.3')
  const onPath = await putServer(join(folder.path, 'bin', 'nats-server'), '2.15.2')
  const search = { searchPath: dirname(onPath), cacheFolder: folder.path }
  expect(await findNatsServer({ ...search, explicitPath: given })).toMatchObject({ path: given, from: 'given path' })
  await expect(findNatsServer({ ...search, explicitPath: join(folder.path, 'nothing') })).rejects.toMatchObject({
    code: 'no_broker',
    hint: expect.stringContaining('TACIT_NATS_SERVER'),
  })
})

test('PATH comes before the cache', async () => {
  await using folder = await temporaryFolder()
  const cached = await putServer(cachedServerPath(folder.path), '2.15.2')
  const onPath = await putServer(join(folder.path, 'bin', 'nats-server'), '2.14.3')
  const cacheFolder = folder.path
  expect(await findNatsServer({ searchPath: dirname(onPath), cacheFolder })).toMatchObject({
    path: onPath,
    from: 'PATH',
  })
  expect(await findNatsServer({ searchPath: '/nowhere', cacheFolder })).toMatchObject({ path: cached, from: 'cache' })
})

test('a relative entry of PATH does not choose what runs', async () => {
  await using folder = await temporaryFolder()
  await putServer(join(folder.path, 'bin', 'nats-server'), '2.15.2')
  const relativePath = relative(process.cwd(), join(folder.path, 'bin'))
  expect(await findNatsServer({ searchPath: relativePath, cacheFolder: folder.path })).toBeUndefined()
})

test('a server that cannot be run is passed over', async () => {
  await using folder = await temporaryFolder()
  const broken = join(folder.path, 'broken', 'nats-server')
  await putServer(broken, '2.15.2')
  await writeFile(broken, '#!/bin/sh\nexit 1\n')
  const good = await putServer(join(folder.path, 'good', 'nats-server'), '2.15.2')
  const searchPath = `${dirname(broken)}:${dirname(good)}`
  expect(await findNatsServer({ searchPath, cacheFolder: folder.path })).toMatchObject({ path: good })
})

test('only a server below the security floor is warned of', () => {
  const path = '/usr/sbin/nats-server'
  expect(floorWarning({ path, version: [2, 9, 10], from: 'PATH' })).toMatch(/fine for trying out, not for production/)
  expect(floorWarning({ path, version: [2, 15, 2], from: 'PATH' })).toBeUndefined()
})
