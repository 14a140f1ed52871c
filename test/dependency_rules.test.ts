/**
 * Shows that the rules about imports see and bite. A checker that reads no module, or a pattern that matches no path,
 * is as quiet as a tidy house: so each rule is broken once here, in a small house of its own, and each must say so.
 */
import { spawnSync } from 'node:child_process'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from './support/temporary_folder.ts'

const ROOT = join(import.meta.dirname, '..')
const ROOMS = ['messages', 'attestation', 'runtime', 'actors', 'client', 'deploy', 'test', 'bench', 'examples']
const PACKAGES = [
  '@nats-io/nats-core',
  'classic-level',
  'pino',
  'msgpackr',
  'jose',
  'commander',
  '@cedar-policy/cedar-wasm',
]

/** For each floor, those it may not import. */
const ABOVE: Readonly<Record<string, string>> = {
  messages: 'attestation runtime actors client deploy bench examples test',
  attestation: 'runtime actors client deploy bench examples test',
  runtime: 'actors client deploy bench examples test',
  actors: 'client deploy bench examples test',
  client: 'actors deploy bench examples test',
  deploy: 'bench test',
  bench: 'test',
  examples: 'test',
}

/** For each drawer that may not import all of its neighbours, one that it may not. */
const DRAWERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  messages: { domain: 'envelope', envelope: 'domain', protocols: 'envelope' },
  attestation: { sealing: 'trust' },
  runtime: {
    broker: 'channel',
    store: 'broker',
    files: 'store',
    work_queue: 'files',
    audit: 'channel',
    channel: 'member',
    member: 'store',
  },
  'actors/access_control': { cedar: 'set_language' },
  'actors/execution': { executors: 'files', files: 'executors' },
  'actors/management': {
    access: 'records',
    records: 'access',
    audit: 'tasks',
    functions: 'lifecycle',
    lifecycle: 'access',
    data: 'functions',
    tasks: 'commands',
    commands: 'audit',
  },
  'client/cli': { terminal: 'platform', platform: 'commands', completion: 'commands', commands: 'completion' },
  deploy: {
    nats_server: 'state',
    state: 'broker',
    demo: 'state',
    broker: 'launcher',
    platform: 'broker',
    reference: 'launcher',
    launcher: 'broker',
    commands: 'launcher',
  },
}

/**
 * Files that break a rule, or keep it where that is easily got wrong. All of them import types alone, which must count.
 */
const HOUSE: readonly [path: string, imports: string, breaks?: string][] = [
  ...Object.entries(ABOVE).flatMap(([floor, above]) =>
    above
      .split(' ')
      .map((room): [string, string, string] => [
        `${floor}/imports_${room}.ts`,
        `../${indexOf(room)}`,
        `floor-${floor}`,
      ]),
  ),
  ...Object.entries(DRAWERS).flatMap(([place, drawers]) =>
    Object.entries(drawers).map(([drawer, closed]): [string, string, string] => [
      `${place}/${drawer}/past_its_drawers.ts`,
      `../${closed}/inner.ts`,
      `drawer-${place}/${drawer}`,
    ]),
  ),
  ['runtime/channel/later_signatures/upwards.ts', '../inner.ts', 'later-signatures-below-the-channel'],
  ['attestation/trust/lawful.ts', '../sealing/inner.ts'],
  ['runtime/member/lawful.ts', '../channel/inner.ts'],
  ['runtime/lawful.ts', '../messages/index.ts'],
  ['actors/one/lawful.ts', '../../messages/index.ts'],
  ['client/lawful.ts', '../runtime/index.ts'],
  ['deploy/lawful.ts', '../client/cli/index.ts'],
  ['runtime/past_the_index.ts', '../messages/inner.ts', 'through-the-index'],
  ['deploy/past_the_index.ts', '../actors/one/inner.ts', 'through-the-index'],
  ['test/past_the_index.ts', '../messages/inner.ts'],
  ['runtime/own_index.ts', './index.ts', 'not-the-own-index'],
  ['runtime/channel/own_index.ts', '../index.ts', 'not-the-own-index'],
  ['client/own_public.ts', './public.ts', 'not-the-own-index'],
  ['deploy/past_the_public.ts', '../client/public.ts', 'through-the-index'],
  ['actors/one/own_index.ts', './index.ts', 'not-the-own-index-of-a-service'],
  ['actors/one/other_service.ts', '../two/index.ts', 'services-apart'],
  ['actors/one/entry.ts', '../main.ts', 'services-apart'],
  ['actors/one/lawful_builtins.ts', '../builtins/index.ts'],
  ['actors/one/one_builtin.ts', '../builtins/inner.ts', 'services-apart'],
  ['actors/builtins/service.ts', '../one/index.ts', 'services-apart'],
  ['actors/main.ts', './one/index.ts'],
  ['messages/left.ts', './right.ts', 'no-cycles'],
  // A cycle is reported once, at its first file.
  ['messages/right.ts', './left.ts'],
  ['runtime/files/believer.ts', '../../attestation/index.ts', 'attestation-where-it-is-sealed'],
  ['runtime/clock.ts', '../attestation/index.ts', 'attestation-where-it-is-sealed'],
  ['runtime/channel/peers.ts', '../../attestation/index.ts'],
  ['actors/one/nats.ts', '@nats-io/nats-core', 'door-nats'],
  ['client/nats.ts', '@nats-io/nats-core', 'door-nats'],
  ['deploy/nats.ts', '@nats-io/nats-core', 'door-nats'],
  ['runtime/broker/transport.ts', '@nats-io/nats-core'],
  ['actors/one/level.ts', 'classic-level', 'door-level'],
  ['runtime/store/level_store.ts', 'classic-level'],
  ['deploy/log.ts', 'pino', 'door-pino'],
  ['runtime/log.ts', 'pino'],
  ['runtime/pack.ts', 'msgpackr', 'door-msgpackr'],
  ['messages/envelope/codec.ts', 'msgpackr'],
  ['actors/one/token.ts', 'jose', 'door-jose'],
  ['attestation/trust/passport.ts', 'jose'],
  ['actors/access_control/ask.ts', '@cedar-policy/cedar-wasm', 'door-cedar'],
  ['actors/access_control/cedar/engine.ts', '@cedar-policy/cedar-wasm'],
  ['client/parse.ts', 'commander', 'door-commander'],
  ['client/cli/parse.ts', 'commander'],
  ['actors/one/disk.ts', 'node:fs/promises', 'door-files'],
  ['runtime/disk.ts', 'node:fs', 'door-files'],
  ['runtime/store/level_folder.ts', 'node:fs/promises'],
  ['runtime/files/folder_files.ts', 'node:fs/promises'],
  ['deploy/disk.ts', 'node:fs'],
  ['actors/one/socket.ts', 'node:net', 'door-network'],
  ['client/web.ts', 'node:https', 'door-network'],
  ['runtime/files/web_files.ts', 'node:http', 'door-network'],
  ['runtime/files/web_exchange.ts', 'node:https'],
  ['actors/one/child.ts', 'node:child_process', 'door-processes'],
  ['deploy/child.ts', 'node:child_process'],
  ['actors/one/thread.ts', 'node:worker_threads', 'door-threads'],
  ['actors/execution/thread.ts', 'node:worker_threads'],
  ['messages/lost.ts', './nowhere.ts', 'resolvable'],
  ['runtime/development.ts', 'vitest', 'declared'],
  ['test/development.ts', 'vitest'],
]

interface Cruise {
  modules: { source: string; dependencies: { resolved: string; dependencyTypes: string[] }[] }[]
  summary: {
    violations: { from: string; rule: { name: string } }[]
    ruleSetUsed: { forbidden: { name: string }[] }
  }
}

test('each rule is broken once, by the file that breaks it, and by no other', async () => {
  await using house = await temporaryFolder()
  await buildHouse(house.path)
  const { summary } = cruise(house.path)
  const found = summary.violations.map(({ from, rule }) => `${rule.name}: ${from}`)
  const expected = HOUSE.flatMap(([path, , rule]) => (rule === undefined ? [] : [`${rule}: ${path}`]))
  expect([...new Set(found)].sort()).toEqual(expected.sort())
  const proven = new Set(summary.violations.map(({ rule }) => rule.name))
  expect(summary.ruleSetUsed.forbidden.map(({ name }) => name).filter((name) => !proven.has(name))).toEqual([])
})

test('the rules see this house: its modules, and imports of types alone', () => {
  const { modules } = cruise(ROOT)
  const own = modules.filter(({ source }) => ROOMS.some((room) => source.startsWith(`${room}/`)))
  expect(own.length).toBeGreaterThan(50)
  const edge = (from: string, to: string) =>
    own
      .find(({ source }) => source === from)
      ?.dependencies.filter(({ resolved }) => resolved === to)
      .flatMap(({ dependencyTypes }) => dependencyTypes)
  expect(edge('runtime/member/group.ts', 'runtime/channel/admission.ts')).toContain('import')
  expect(edge('runtime/actor.ts', 'messages/index.ts')).toContain('type-only')
  expect(edge('actors/main.ts', 'actors/coordinator/index.ts')).toContain('dynamic-import')
})

/** As `npm run check` does it. */
function cruise(folder: string): Cruise {
  const depcruise = join(ROOT, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs')
  const config = join(ROOT, '.dependency-cruiser.mjs')
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [depcruise, '--config', config, '--output-type', 'json', ...ROOMS],
    {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 256 * 1024 * 1024,
    },
  )
  expect(stderr).toBe('')
  return JSON.parse(stdout) as Cruise
}

async function buildHouse(folder: string): Promise<void> {
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  await cp(join(ROOT, 'tsconfig.json'), join(folder, 'tsconfig.json'))
  const dependencies = Object.fromEntries(PACKAGES.map((name) => [name, '*']))
  await write(
    'package.json',
    JSON.stringify({ name: 'house', type: 'module', dependencies, devDependencies: { vitest: '*' } }),
  )
  for (const name of [...PACKAGES, 'vitest']) {
    await write(
      `node_modules/${name}/package.json`,
      JSON.stringify({ name, version: '1.0.0', type: 'module', exports: './index.js' }),
    )
    await write(`node_modules/${name}/index.js`, 'export {}\n')
  }
  const plain = [
    'messages/inner.ts',
    'actors/one/inner.ts',
    'actors/two/index.ts',
    'actors/builtins/index.ts',
    'actors/builtins/inner.ts',
    'client/cli/index.ts',
    'client/public.ts',
    ...ROOMS.map(indexOf),
    ...Object.entries(DRAWERS).flatMap(([place, drawers]) =>
      [...Object.keys(drawers), ...Object.values(drawers)].map((drawer) => `${place}/${drawer}/inner.ts`),
    ),
  ]
  for (const path of plain) await write(path, 'export interface Nothing {}\n')
  for (const [path, imports] of HOUSE) await write(path, `import type {} from '${imports}'\n`)
}

/** Actors have no index of their own, but each service has one. */
function indexOf(room: string): string {
  return room === 'actors' ? 'actors/one/index.ts' : `${room}/index.ts`
}
