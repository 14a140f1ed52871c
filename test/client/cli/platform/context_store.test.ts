import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { manifestDigest } from '../../../../attestation/index.ts'
import { ContextStore, pinManifest, readPinned } from '../../../../client/cli/platform/context_store.ts'
import { samplePlatform } from '../../../attestation/sample_platform.ts'
import { temporaryFolder } from '../../../support/temporary_folder.ts'

const { manifestText } = samplePlatform()

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let contexts: ContextStore
let manifest: string
beforeEach(async () => {
  folder = await temporaryFolder()
  contexts = new ContextStore(join(folder.path, 'home'))
  manifest = join(folder.path, 'manifest.json')
  await writeFile(manifest, manifestText)
})
afterEach(() => folder[Symbol.asyncDispose]())

const contextOf = async (more: object = {}) => ({
  nats: 'nats://broker:4222',
  ...(await pinManifest(manifest)),
  ...more,
})

describe('a context', () => {
  test('is kept for its owner alone, and read back as it was', async () => {
    const context = await contextOf({ user: 'alice', token_file: '/media/stick/alice' })
    expect(context.manifest_digest).toBe(manifestDigest(manifestText))
    await contexts.write('prod', context, false)
    expect(await contexts.read('prod')).toEqual(context)
    const { mode } = await stat(join(folder.path, 'home/contexts/prod.json'))
    expect(mode & 0o777).toBe(0o600)
    expect((await stat(join(folder.path, 'home/contexts'))).mode & 0o777).toBe(0o700)
  })

  test('is replaced when told so, and not otherwise, not even by one of two at once', async () => {
    const attempts = await Promise.allSettled(
      ['one', 'two'].map(async (user) => contexts.write('prod', await contextOf({ user }), false)),
    )
    expect(attempts.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(attempts.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'already_exists' } })
    await contexts.write('prod', await contextOf({ user: 'three' }), true)
    expect(await contexts.read('prod')).toMatchObject({ user: 'three' })
    expect(await contexts.list()).toEqual(['prod'])
  })

  test('that is in use is taken until another is, or it is removed', async () => {
    expect(await contexts.inUse()).toBeUndefined()
    await contexts.write('prod', await contextOf(), false)
    await contexts.write('lab', await contextOf(), false)
    await contexts.use('prod')
    expect(await contexts.inUse()).toBe('prod')
    await contexts.remove('lab')
    expect([await contexts.list(), await contexts.inUse()]).toEqual([['prod'], 'prod'])
    await contexts.remove('prod')
    expect([await contexts.list(), await contexts.inUse()]).toEqual([[], undefined])
    await expect(contexts.remove('prod')).rejects.toMatchObject({ code: 'not_found' })
    await expect(contexts.use('prod')).rejects.toMatchObject({ code: 'not_found' })
  })

  test('that makes no sense is refused, whether it is given or found', async () => {
    const context = await contextOf()
    for (const name of ['', '../prod', 'a.json', '-x', 'x'.repeat(65)]) {
      await expect(contexts.write(name, context, false)).rejects.toMatchObject({ code: 'invalid_request' })
    }
    await expect(contexts.write('prod', { ...context, nats: 'http://x' }, false)).rejects.toMatchObject({
      code: 'invalid_request',
      field: 'nats',
    })
    await expect(contexts.write('prod', { ...context, user: '../x' }, false)).rejects.toMatchObject({ field: 'user' })
    await contexts.write('prod', context, false)
    await writeFile(join(folder.path, 'home/contexts/prod.json'), '{"nats":1}')
    await expect(contexts.read('prod')).rejects.toMatchObject({ code: 'malformed' })
    await contexts.remove('prod')
  })
})

describe('the manifest of a context', () => {
  test('is refused once it says something else, until it is pinned anew', async () => {
    const pinned = await contextOf()
    expect(await readPinned('prod', pinned)).toBe(manifestText)
    await writeFile(manifest, `${manifestText}\n`)
    await expect(readPinned('prod', pinned)).rejects.toMatchObject({
      code: 'platform_untrusted',
      hint: expect.stringContaining('tacit context add prod --replace') as string,
    })
    expect(await readPinned('prod', await contextOf())).toBe(await readFile(manifest, 'utf8'))
  })

  test('has to be one', async () => {
    await expect(pinManifest(join(folder.path, 'absent.json'))).rejects.toMatchObject({ code: 'not_found' })
    await writeFile(manifest, 'not JSON')
    await expect(pinManifest(manifest)).rejects.toMatchObject({ code: 'malformed' })
    await writeFile(manifest, '{}')
    await expect(pinManifest(manifest)).rejects.toMatchObject({ code: 'invalid_request' })
  })
})
