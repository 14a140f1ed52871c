import { expect, test } from 'vitest'
import { readConfig } from '../../deploy/config.ts'

test('an empty environment gives a deployment of its own in ./.tacit', () => {
  const config = readConfig({ HOME: '/home/x' })
  expect(config.natsUrl).toBeUndefined()
  expect(config.stateFolder).toBe(`${process.cwd()}/.tacit`)
  expect(config).toMatchObject({ logLevel: 'info', color: true })
  expect(config.search.explicitPath).toBeUndefined()
  expect(config.party).toEqual({})
})

test('each variable has its say', () => {
  const config = readConfig({
    NATS_URL: 'nats://broker:4222',
    TACIT_NATS_SERVER: '/opt/nats-server',
    TACIT_STATE: '/var/lib/tacit',
    TACIT_HOME: '/home/x/tacit',
    TACIT_MANIFEST: 'pinned.json',
    TACIT_CONTEXT: 'prod',
    TACIT_USER: 'alice',
    TACIT_LOG: 'debug',
    NO_COLOR: '1',
    PATH: '/bin',
    XDG_CACHE_HOME: '/var/cache',
  })
  expect(config).toEqual({
    natsUrl: 'nats://broker:4222',
    stateFolder: '/var/lib/tacit',
    homeFolder: '/home/x/tacit',
    party: {
      nats: 'nats://broker:4222',
      manifest: 'pinned.json',
      state: '/var/lib/tacit',
      context: 'prod',
      user: 'alice',
    },
    logLevel: 'debug',
    color: false,
    search: { explicitPath: '/opt/nats-server', searchPath: '/bin:/usr/sbin', cacheFolder: '/var/cache/tacit' },
  })
})

test('an empty variable counts as absent', () => {
  expect(readConfig({ NATS_URL: '', NO_COLOR: '' })).toMatchObject({ color: true })
  expect(readConfig({ NATS_URL: '' }).natsUrl).toBeUndefined()
})

test.each([
  ['NATS_URL', 'http://broker:4222'],
  ['NATS_URL', 'not a url'],
  ['TACIT_LOG', 'loud'],
])('%s=%s is refused by name', (name, value) => {
  expect(() => readConfig({ [name]: value })).toThrow(
    expect.objectContaining({ code: 'invalid_request', field: name, hint: expect.any(String) }),
  )
})
