/**
 * Services of the operator's own, beside those of the house: started by the command, each in processes of its own, and
 * called by parties, by each other, and plainly.
 */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { connect } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { TacitConnection } from '../../client/index.ts'
import { counter } from '../../examples/attested_counter.ts'
import { protocol, SERVICES } from '../../messages/index.ts'
import type { RunningCommand } from '../support/command.ts'
import { documentOf, runCommand, startCommand } from '../support/command.ts'
import { eventually, findMembers } from '../support/deployment.ts'
import { natsFolder } from '../support/nats_command.ts'
import { copyCounter, protocolText, serviceText, writeServices } from '../support/own_service_files.ts'
import { temporaryFolder } from '../support/temporary_folder.ts'

const anyAnswer = (name: string) =>
  protocol(name, 'Of a test', name === 'pong' ? ['ping'] : ['client'], {
    ask: { about: 'Asks', request: z.object({}), reply: z.object({ answer: z.unknown() }), refuses: [] },
  })
const asProtocol = (name: string, callers = `['client']`) =>
  `protocol('${name}', 'Of a test', ${callers}, {
    ask: { about: 'Asks', request: z.object({}), reply: z.object({ answer: z.unknown() }), refuses: [] },
  })`

/** Reaches for what is not its own, with a protocol of storage that it made itself. */
const BURGLAR = `async (host) => {
  const entry = z.object({ key: z.string(), value: z.unknown(), revision: z.number() })
  const storage = host.client(protocol('storage', '', ['extension'], {
    get: { about: '', request: z.any(), reply: z.any(), refuses: [] },
    scan: { about: '', request: z.any(), reply: z.object({ entries: z.array(entry) }), refuses: [] },
    commit: { about: '', request: z.any(), reply: z.any(), refuses: [] },
  }))
  const store = openStore(host)
  if (await store.get('mine') === undefined) await store.put('mine', pack('jewels'), 0)
  const tries = ['user/admin', 'own/counter/visits', '../counter/visits', '/own/counter/visits']
  const found = []
  for (const key of tries) found.push(await storage.get({ key }).then(() => 'found', ({ code }) => code))
  const stolen = { key: 'own/counter/visits', value: pack(1_000_000), revision: 0 }
  await storage.commit({ writes: [stolen] }).catch(({ code }) => found.push(code))
  const { entries } = await storage.scan({ prefix: '', limit: 100 })
  const stale = { key: 'mine', value: pack(1), revision: 99 }
  const conflict = await storage.commit({ writes: [stale] }).catch((error) => error)
  return { found, keys: entries.map(({ key }) => key), told: conflict.message, host: Object.keys(host) }
}`

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let files: Record<string, string>
let counterPath: string
let environment: Record<string, string>
let up: RunningCommand
let url: string
let manifest: string
let connection: TacitConnection

const serviceWords = () => [counterPath, ...Object.values(files)].flatMap((path) => ['--service', path])
async function start(words: readonly string[]): Promise<void> {
  up = startCommand(['up', '--json', '--workers', '1', ...words], { environment })
  const told = documentOf({ stdout: await up.said('stdout', /\n$/) }) as { nats: string; manifest: string }
  url = told.nats
  manifest = told.manifest
  connection = await TacitConnection.open({ url, manifest: await readFile(manifest, 'utf8') })
}
async function stop(): Promise<string> {
  await connection.close()
  up.signal('SIGINT')
  const { code, stderr } = await up.ended
  expect(code).toBe(0)
  return stderr
}

beforeAll(async () => {
  folder = await temporaryFolder()
  environment = { TACIT_STATE: join(folder.path, 'state'), TACIT_HOME: join(folder.path, 'home') }
  counterPath = await copyCounter(join(folder.path, 'empty'))
  const toPong = asProtocol('pong', `['ping']`)
  const toPing = asProtocol('ping')
  const toNowhere = asProtocol('nowhere', `['lost']`)
  files = await writeServices(join(folder.path, 'others'), {
    'ping.js': serviceText('ping', `async (host) => 'ping ' + (await host.client(${toPong}).ask({})).answer`),
    'pong.js': serviceText('pong', `() => 'pong'`, `['ping']`),
    'echo.js': serviceText(
      'echo',
      `async (host) => (await host.client(${toPing}).ask({}).catch(({ code, message }) => code + ': ' + message))`,
    ),
    'burglar.js': serviceText('burglar', BURGLAR),
    'lost.js': serviceText(
      'lost',
      `(host) => host.client(${toNowhere}).ask({}).catch(({ code, message }) => code + ': ' + message)`,
    ),
    'fragile.js': serviceText('fragile', `() => process.exit(7)`),
    'broken.js': `${protocolText('broken')}\nexport default service(broken, () => { throw new Error('never') })`,
  })
  await start([...serviceWords(), '--members', 'counter=2'])
}, 120_000)

afterAll(async () => {
  await stop().catch(() => {})
  await folder[Symbol.asyncDispose]()
})

describe('a service of the operator', { timeout: 60_000 }, () => {
  test('is there as "nats micro ls" and "info" show it, with a member for each that was asked for', async () => {
    const members = await findMembers(url)
    expect(Object.keys(members)).toEqual(expect.arrayContaining([...SERVICES, 'counter', 'ping', 'pong']))
    expect(members['counter']).toHaveLength(2)
    const nats = await connect({ servers: url })
    const info = (await nats.request('$SRV.INFO.counter')).json<{
      endpoints: object[]
      metadata: { measurement: string }
    }>()
    await nats.close()
    expect(info).toMatchObject({
      name: 'counter',
      description: 'Counts, and keeps the counts sealed',
      endpoints: [
        { name: 'add', subject: 'tacit.counter.add', metadata: { callers: 'client,extension' } },
        { name: 'read' },
      ],
    })
    const { roles } = JSON.parse(await readFile(manifest, 'utf8')) as {
      roles: Record<string, { measurement: string }[]>
    }
    expect(roles['counter']).toEqual([{ platform: 'simulated', measurement: info.metadata.measurement }])
  })

  test('is called by a typed client, sealed, and refuses as any other', async () => {
    const counting = connection.service(counter)
    expect(await counting.add({ name: 'typed', by: 2 })).toEqual({ count: 2 })
    expect(await counting.add({ name: 'typed', by: 3 })).toEqual({ count: 5 })
    expect(await counting.read({ name: 'none' })).toEqual({ count: 0 })
    await expect(counting.add({ name: 'typed', by: 0 })).rejects.toMatchObject({ code: 'invalid_request', field: 'by' })
  })

  test('is called as the header of the example says', async () => {
    const program = join(import.meta.dirname, '../../dist/examples/attested_counter.js')
    const { stdout } = await promisify(execFile)(process.execPath, [program, url, manifest])
    expect(stdout).toBe('visits: 1\n')
    const PATH = `${await natsFolder(folder.path)}:${process.env['PATH']}`
    const words = ['req', 'tacit.counter.add', '{"name":"visits","by":1}', '--raw']
    const plain = await promisify(execFile)('nats', words, { env: { PATH, NATS_URL: url, HOME: folder.path } })
    expect(JSON.parse(plain.stdout)).toEqual({ count: 2 })
  })

  test('is called by another that it names, and not by one that it does not', async () => {
    expect(await connection.service(anyAnswer('ping')).ask({})).toEqual({ answer: 'ping pong' })
    await expect(connection.service(anyAnswer('pong')).ask({})).rejects.toMatchObject({ code: 'not_admitted' })
    const { answer } = await connection.service(anyAnswer('echo')).ask({})
    expect(answer).toBe('not_admitted: ping.ask is not open to echo')
  })

  test('can neither read nor write what is not its own, and holds nothing of the platform', async () => {
    await connection.service(counter).add({ name: 'visits', by: 1 })
    const { count } = await connection.service(counter).read({ name: 'visits' })
    const { answer } = await connection.service(anyAnswer('burglar')).ask({})
    expect(answer).toEqual({
      found: ['not_found', 'not_found', 'not_found', 'not_found'],
      keys: ['mine', 'own/counter/visits'],
      told: expect.stringMatching(/^mine has revision/) as string,
      host: ['memberId', 'settings', 'clock', 'log', 'events', 'stopping', 'client', 'clientOf'],
    })
    // The key that it wrote is one of its own part, whatever it is called.
    expect(await connection.service(counter).read({ name: 'visits' })).toEqual({ count })
  })

  test('that has no role is refused at once and by its name, to parties and to services', async () => {
    await expect(connection.service(anyAnswer('nowhere')).ask({})).rejects.toMatchObject({
      code: 'unsupported',
      message: 'the manifest has no role "nowhere": this deployment does not run that service',
    })
    const { answer } = await connection.service(anyAnswer('lost')).ask({})
    expect(answer).toMatch(/^unsupported: the manifest has no role "nowhere"/)
  })

  test('that ends is started again, and the others go on', async () => {
    const before = (await findMembers(url))['fragile']
    const asking = connection.service(anyAnswer('fragile')).ask({}, { timeoutMs: 500 })
    await expect(asking).rejects.toMatchObject({ code: expect.any(String) as string })
    await up.said('stderr', /fragile-0 ended \(exit code 7\); it is started again in/)
    expect(await connection.service(counter).read({ name: 'typed' })).toEqual({ count: 5 })
    await eventually('another member of it', async () => {
      const now = (await findMembers(url))['fragile']
      return now !== undefined && now[0] !== before?.[0] ? now : undefined
    })
  })

  test('that never comes up is told of, and the rest is up', async () => {
    const told = await up.said('stderr', /broken-0 says: the broken process could not go on/)
    expect(told).toContain('it is started again in')
    expect(await findMembers(url)).not.toHaveProperty('broken')
  })
})

test('what it counted is there after a restart; without --service it is no longer', { timeout: 120_000 }, async () => {
  const { count } = await connection.service(counter).read({ name: 'visits' })
  await stop()
  await start(['--service', counterPath])
  expect(await connection.service(counter).read({ name: 'visits' })).toEqual({ count })
  expect(await up.said('stderr', /changed since/)).toContain('the services have changed since the last start')
  await stop()
  await start([])
  expect(await up.said('stderr', /changed since/)).toContain('the services have changed since the last start')
  await expect(connection.service(counter).read({ name: 'visits' })).rejects.toMatchObject({ code: 'unsupported' })
})

describe('the command refuses with the reason, and starts nothing,', { timeout: 60_000 }, () => {
  const refused = async (words: readonly string[], more: Record<string, string> = {}) => {
    const state = { TACIT_STATE: join(folder.path, 'refused'), ...more }
    const { code, stderr } = await runCommand(['up', ...words], { environment: { ...environment, ...state } })
    expect(code).not.toBe(0)
    return stderr
  }

  test('a file that is not there', async () => {
    expect(await refused(['--service', join(folder.path, 'gone.js')])).toContain('gone.js cannot be read')
  })

  test('a name that is taken', async () => {
    const taken = await writeServices(folder.path, { 'taken.js': serviceText('guest', `() => 1`) })
    expect(await refused(['--service', taken['taken.js']])).toContain('the name "guest" is taken by Tacit itself')
  })

  test('members of a service that is not there, or too many', async () => {
    expect(await refused(['--members', 'counter=2'])).toContain('there is no service "counter" to have 2 members')
    expect(await refused(['--members', 'counter'])).toContain('as in counter=2')
  })

  test('a log level that is none', async () => {
    const said = await refused([], { TACIT_LOG: 'loud' })
    expect(said).toContain('TACIT_LOG is "loud", which is no log level')
    expect(said).toContain('use one of trace, debug, info, warn, error, fatal, silent')
  })

  test('an actor without a handler for a method of its protocol', async () => {
    const lacking = await writeServices(folder.path, {
      'lacking.js': `${protocolText('lacking')}
export default service(lacking, () => ({ actor: actor(lacking, {}) }))`,
    })
    expect(await refused(['--service', lacking['lacking.js']])).toContain('its actor has no handler for lacking.ask')
  })
})
