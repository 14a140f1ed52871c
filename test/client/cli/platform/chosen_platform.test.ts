import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generateSigningKey } from '../../../../attestation/index.ts'
import type { GlobalOptions, PartyEnvironment } from '../../../../client/cli/platform/chosen_platform.ts'
import { choosePlatform } from '../../../../client/cli/platform/chosen_platform.ts'
import { ContextStore, pinManifest } from '../../../../client/cli/platform/context_store.ts'
import { removeSessions, SessionStore } from '../../../../client/cli/platform/session_store.ts'
import { samplePlatform } from '../../../attestation/sample_platform.ts'
import { temporaryFolder } from '../../../support/temporary_folder.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let homeFolder: string
const path = (name: string) => join(folder.path, name)

/** Each place has a manifest that differs by its spaces, so that it tells where it is from. */
const manifestOf = (place: number) => samplePlatform().manifestText + ' '.repeat(place)
const PLACES = ['flag', 'environment', 'prod', 'lab', 'state', 'other-state'] as const
type Place = (typeof PLACES)[number]

beforeAll(async () => {
  folder = await temporaryFolder()
  homeFolder = path('home')
  const contexts = new ContextStore(homeFolder)
  for (const [index, place] of PLACES.entries()) {
    await mkdir(path(place))
    await writeFile(path(`${place}/manifest.json`), manifestOf(index))
    await writeFile(path(`${place}/broker.json`), JSON.stringify({ url: `nats://${place}:1` }))
  }
  for (const name of ['prod', 'lab']) {
    const pinned = await pinManifest(path(`${name}/manifest.json`))
    await contexts.write(name, { nats: `nats://${name}:1`, ...pinned, user: `user-of-${name}` }, false)
  }
})
afterAll(() => folder[Symbol.asyncDispose]())

const choose = (options: GlobalOptions, environment: PartyEnvironment = {}) =>
  choosePlatform({ options, environment, homeFolder })

async function chosen(options: GlobalOptions, environment: PartyEnvironment = {}): Promise<[string, Place]> {
  const platform = await choose(options, environment)
  return [await platform.url(), PLACES[(await platform.manifest()).length - manifestOf(0).length]!]
}

describe('the platform of a command', () => {
  test('is the one that flags name, else the environment, else the context in use, else the local one', async () => {
    const flags = { nats: 'nats://flag:1', manifest: path('flag/manifest.json') }
    const environment = { nats: 'nats://environment:1', manifest: path('environment/manifest.json') }
    const contexts = new ContextStore(homeFolder)
    await contexts.use('prod')
    const cases: [GlobalOptions, PartyEnvironment, string, Place][] = [
      [{ ...flags, context: 'lab' }, environment, 'nats://flag:1', 'flag'],
      [{ context: 'lab' }, { ...environment, context: 'prod' }, 'nats://lab:1', 'lab'],
      [{ state: path('state') }, { ...environment, context: 'lab' }, 'nats://state:1', 'state'],
      [{}, { ...environment, context: 'lab' }, 'nats://environment:1', 'environment'],
      [{}, { nats: 'nats://environment:1', context: 'lab' }, 'nats://environment:1', 'lab'],
      [{}, { context: 'lab', state: path('state') }, 'nats://lab:1', 'lab'],
      [{}, { state: path('other-state') }, 'nats://other-state:1', 'other-state'],
      [{ nats: 'nats://flag:1' }, {}, 'nats://flag:1', 'prod'],
      [{}, {}, 'nats://prod:1', 'prod'],
    ]
    for (const [options, outside, url, manifest] of cases)
      expect(await chosen(options, outside)).toEqual([url, manifest])
    await contexts.use(undefined)
    const local = await choose({})
    expect(local.context).toBeUndefined()
    await expect(local.url()).rejects.toMatchObject({ code: 'no_broker', hint: expect.any(String) as string })
    await expect(local.manifest()).rejects.toMatchObject({ code: 'not_found', hint: expect.any(String) as string })
  })

  test('is one: two at once, or a context that there is not, are refused', async () => {
    await expect(choose({ context: 'lab', state: path('state') })).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(choose({ context: 'nowhere' })).rejects.toMatchObject({ code: 'not_found' })
    await expect(choose({}, { context: 'nowhere' })).rejects.toMatchObject({ code: 'not_found' })
  })

  test('brings the user of its context', async () => {
    expect(await choose({ context: 'lab' })).toMatchObject({ context: 'lab', user: 'user-of-lab' })
    expect(await choose({ state: path('state') })).not.toHaveProperty('user')
  })
})

describe('a session', () => {
  const kept = (userId: string) => ({
    session: { userId, token: `token of ${userId}`, expiresAtMs: 2_000_000_000_000 },
    signingKey: generateSigningKey(),
  })

  test('is kept by context and user', async () => {
    const prod = new SessionStore(homeFolder, await choose({ context: 'prod' }))
    const lab = new SessionStore(homeFolder, await choose({ context: 'lab' }))
    const local = new SessionStore(homeFolder, await choose({ state: path('state') }))
    const alice = kept('alice')
    await prod.save(alice)
    await local.save(kept('bob'))
    expect(await prod.read('alice')).toEqual(alice)
    expect([await prod.lastUser(), await local.lastUser(), await lab.lastUser()]).toEqual(['alice', 'bob', undefined])
    for (const [store, user] of [
      [lab, 'alice'],
      [local, 'alice'],
      [prod, 'bob'],
      [prod, '../bob'],
      [prod, undefined],
    ] as const) {
      await expect(store.read(user)).rejects.toMatchObject({ code: 'unauthenticated' })
    }
    await prod.remove('alice')
    await expect(prod.read('alice')).rejects.toMatchObject({ code: 'unauthenticated' })
    await lab.save(alice)
    await removeSessions(homeFolder, 'lab')
    await expect(lab.read('alice')).rejects.toMatchObject({ code: 'unauthenticated' })
    expect((await local.read('bob')).session.userId).toBe('bob')
  })

  test('of the user of a context may have a file of its own, which is of no other user', async () => {
    const tokenFile = path('stick/alice')
    const platform = { ...(await choose({ context: 'prod' })), user: 'alice', tokenFile }
    const sessions = new SessionStore(homeFolder, platform)
    await sessions.save(kept('alice'))
    await sessions.save(kept('bob'))
    const moved = new SessionStore(path('another-home'), platform)
    expect((await moved.read('alice')).session.token).toBe('token of alice')
    await expect(moved.read('bob')).rejects.toMatchObject({ code: 'unauthenticated' })
    await expect(new SessionStore(homeFolder, { ...platform, user: 'carol' }).read('carol')).rejects.toMatchObject({
      code: 'unauthenticated',
    })
  })
})
