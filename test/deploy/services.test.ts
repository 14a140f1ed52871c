/** A service more is one line of the registry: a copy of it with another shows that everything else follows. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { brokerConfig } from '../../deploy/broker/broker_config.ts'
import { guestPermissions, servicePermissions } from '../../deploy/broker/broker_permissions.ts'
import { openSimulatedPlatform } from '../../deploy/platform/simulated_platform.ts'
import { referenceFiles, referenceOf } from '../../deploy/reference/reference_files.ts'
import { measuredServices, protocolFrom, protocolsOf } from '../../deploy/services.ts'
import { openState } from '../../deploy/state/state_folder.ts'
import { PROTOCOLS, protocol, SERVICES } from '../../messages/index.ts'
import { systemClock } from '../../runtime/index.ts'
import { temporaryFolder } from '../support/temporary_folder.ts'

const method = { about: 'Asks something', request: z.strictObject({}), reply: z.strictObject({}), refuses: [] }
const weather = protocol('weather', 'Foretells', ['frontend'], {
  foretell: { ...method, plain: true, callers: ['client', 'frontend'] },
  observe: method,
  compare: { ...method, callers: ['extension'] },
})
const registry = { ...PROTOCOLS, weather }

test('permissions follow, of the new service, of its callers and of guests', () => {
  const { publish, subscribe } = servicePermissions('weather', registry)
  expect(subscribe.allow).toEqual(expect.arrayContaining(['tacit.weather.>', 'tacit.inbox.weather.>']))
  expect(publish.allow).toEqual(expect.arrayContaining(['tacit.inbox.client.>', 'tacit.inbox.frontend.>']))
  expect(publish.allow.filter((subject) => /^tacit\.(?:management|scheduler)\./.test(subject))).toEqual([])
  const asks = (service: string) =>
    servicePermissions(service, registry).publish.allow.filter((subject) => subject.startsWith('tacit.weather.'))
  expect(asks('frontend')).toEqual(['tacit.weather.foretell', 'tacit.weather.observe'])
  expect(asks('management')).toEqual([])
  expect(guestPermissions(registry).publish.allow).toContain('tacit.weather.foretell')
  expect(guestPermissions(registry).publish.allow).not.toContain('tacit.weather.observe')
})

test('an extension reaches storage and what is open to extensions, and storage answers it', () => {
  const asks = servicePermissions('weather', registry).publish.allow
  const storing = Object.keys(PROTOCOLS.storage.methods).map((name) => `tacit.storage.${name}`)
  expect(asks).toEqual(expect.arrayContaining([...storing, 'tacit.weather.compare']))
  expect(servicePermissions('storage', registry).publish.allow).toContain('tacit.inbox.weather.>')
  expect(servicePermissions('storage').publish.allow).not.toContain('tacit.inbox.weather.>')
})

test('the users of the broker follow, with a password each that stays', async () => {
  await using folder = await temporaryFolder()
  const before = await openState(folder.path)
  await before.close()
  const state = await openState(folder.path, Object.keys(registry))
  await state.close()
  const { users } = state.broker
  expect(users).toMatchObject(before.broker.users)
  expect(users['weather']).toMatch(/^[\w-]{32}$/)
  const folders = { storeFolder: '/state/nats', pidPath: '/state/nats.pid' }
  const config = JSON.parse(brokerConfig(state.broker, folders, registry))
  expect(config.accounts.TACIT.users).toContainEqual({
    user: 'weather',
    password: users['weather'],
    permissions: servicePermissions('weather', registry),
  })
})

test('the manifest has a role for each, also for the file of an extension, which is measured', async () => {
  await using folder = await temporaryFolder()
  const state = await openState(folder.path)
  const extension = { name: 'weather', path: join(folder.path, 'weather.js'), protocol: weather }
  const services = measuredServices([extension])
  expect(services.map(({ name }) => name)).toEqual([...SERVICES, 'weather'])
  const said: string[] = []
  const measured: object[] = []
  const measurer = {
    measure: (service: object) => {
      measured.push(service)
      return 'a'.repeat(64)
    },
  }
  const open = (of: typeof services) =>
    openSimulatedPlatform({
      paths: state.paths,
      clock: systemClock,
      say: (text) => said.push(text),
      services: of,
      measurer,
    })
  const { manifest, deviceFor } = await open(services)
  expect(JSON.parse(manifest).roles).toMatchObject({
    weather: [{ platform: 'simulated', measurement: 'a'.repeat(64) }],
  })
  expect(measured.at(-1)).toEqual({ name: 'weather', path: extension.path })
  expect(deviceFor('weather')).toBeDefined()
  await state.close()
})

test('the reference follows', () => {
  const files = referenceFiles(referenceOf(() => true, registry))
  expect(files['api.md']).toContain('tacit.weather.foretell')
  expect(files['services.md']).toContain('weather.observe')
  expect(files['asyncapi.json']).toContain('tacit.weather.observe')
})

test('of an extension the launcher knows who may ask what', () => {
  const note = {
    name: 'weather',
    about: 'Foretells',
    callers: ['client'],
    methods: { ask: { about: 'Asks', callers: ['client'] } },
  }
  const read = protocolFrom(note)
  const known = protocolsOf([{ name: 'weather', path: '/weather.js', protocol: read }])
  expect(Object.keys(known)).toEqual([...SERVICES, 'weather'])
  expect(guestPermissions(known).publish.allow).toContain('tacit.weather.*')
})

test('what is started is loaded by its name: main.ts names the coordinator alone, which admits itself', async () => {
  const main = await readFile(join(import.meta.dirname, '../../actors/main.ts'), 'utf8')
  for (const service of SERVICES) expect(main.includes(`'./${service}/`), service).toBe(service === 'coordinator')
})
