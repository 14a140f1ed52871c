/**
 * The rules of the house that neither the compiler nor the linter knows, held against every source file and every page.
 * The linter is shown to have teeth here; the rules about imports are in test/dependency_rules.test.ts.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { REFUSALS } from '../messages/index.ts'
import { VERSION } from '../runtime/index.ts'
import { blocksOf } from './support/reader.ts'
import type { Text } from './support/sources.ts'
import { filesOf, importsOf, pathsOf, PRODUCT, ROOMS, ROOT } from './support/sources.ts'
import { temporaryFolder } from './support/temporary_folder.ts'

const LINES_MAX = 350

/** Source files that no test of their own folder reaches, by the test elsewhere that holds them. */
const TESTED_BY: Readonly<Record<string, readonly string[]>> = {
  // As built, on a thread of its own.
  'test/actors/execution/worker.test.ts': ['actors/execution/executors/builtin/builtin_thread.ts'],
  // As built, in processes of their own.
  'test/scenarios/joint_computation.test.ts': ['actors/main.ts', 'client/joint_list.ts'],
  'test/scenarios/own_service.test.ts': ['deploy/launcher/describe_extension.ts'],
  // As commands that people type.
  'test/readme.test.ts': [
    ...['data', 'data_crypt', 'function', 'receipt', 'task'].map((name) => `client/cli/commands/${name}_commands.ts`),
    ...['demo', 'operator_context', 'up'].map((name) => `deploy/commands/${name}.ts`),
    ...['demo_lists', 'joint_demo'].map((name) => `deploy/demo/${name}.ts`),
    'deploy/tacit.ts',
  ],
  'test/scenarios/command_tree.test.ts': [
    'deploy/program.ts',
    ...['command_tree', 'completion_command'].map((name) => `client/cli/completion/${name}.ts`),
  ],
  'test/scenarios/method_commands.test.ts': [
    ...['context', 'session', 'user'].map((name) => `client/cli/commands/${name}_commands.ts`),
    'client/cli/commands/follow_task.ts',
    'client/cli/platform/party.ts',
  ],
  'test/scenarios/policy_command.test.ts': ['client/cli/commands/policy_commands.ts'],
  'test/scenarios/command.test.ts': [
    'commands/audit_commands',
    'commands/data_record_commands',
    'commands/member_commands',
    'commands/schema_command',
  ].map((name) => `client/cli/${name}.ts`),
  'test/scenarios/operator_command.test.ts': ['doctor', 'option_numbers', 'worker'].map(
    (name) => `deploy/commands/${name}.ts`,
  ),
}

/** Where time is read or waited for without a `Clock`, and why that is no harm. */
const TIME: Readonly<Record<string, string>> = {
  'runtime/clock.ts': 'the door itself',
  'runtime/channel/frame_gatherer.ts': 'paces frames by a few milliseconds; nothing is decided from it',
  'runtime/channel/pending_requests.ts': 'ticks; the moments it compares are of its clock',
  'runtime/member/group.ts': 'measures how long handlers take, for STATS alone',
  'actors/main.ts': 'lets the last message out before the process ends',
}

/** Where the product speaks to people. */
const OUTPUT = ['deploy/tacit.ts']

/** Names that tools demand. */
const NAMED_BY_TOOLS = ['.dependency-cruiser.mjs', 'vitest.config.ts']

const sources = filesOf(/\.(?:ts|mjs)$/)
const pages = filesOf(/\.md$/)
/** What this file forbids, it has to spell out. */
const others = sources.filter(({ path }) => path !== 'test/tidy.test.ts')
const product = sources.filter(({ path }) => PRODUCT.some((room) => path.startsWith(`${room}/`)))

describe('every source file', () => {
  test(`has at most ${LINES_MAX} lines`, () => {
    expect(pathsOf(sources, ({ text }) => text.split('\n').length - 1 > LINES_MAX)).toEqual([])
  })

  test('opens by saying what it is, unless its tests say it by their names', () => {
    const speaksForItself = (path: string) => path.endsWith('.test.ts') || NAMED_BY_TOOLS.includes(path)
    expect(pathsOf(sources, ({ path, text }) => !speaksForItself(path) && !/^(?:#!.*\n)?\/\*\*/.test(text))).toEqual([])
  })

  test('is named in snake_case, for its idea and not for its kind', () => {
    const isDrawer = /(?:^|[/_])(?:utils?|helpers?|types?|common|misc|managers?)(?:[/_.]|$)/
    const isSnakeCase = /^(?:[a-z0-9_]+\/)*[a-z0-9_]+(?:\.test)?\.(?:ts|mjs)$/
    const odd = ({ path }: Text) => isDrawer.test(path) || !isSnakeCase.test(path)
    expect(pathsOf(sources, odd).filter((path) => !NAMED_BY_TOOLS.includes(path))).toEqual([])
  })

  test('leaves nothing to do later, and switches no check off', () => {
    const unfinished = /\bTODO\b|FIXME|\bHACK\b/
    const silenced = /@ts-(?:ignore|expect-error|nocheck)|lint-disable|prettier-ignore/
    expect(pathsOf(others, ({ text }) => unfinished.test(text) || silenced.test(text))).toEqual([])
  })

  test('names no place of one machine', () => {
    // Tests may invent homes; nobody may rely on one.
    const place = /(?:^|['"`\s])\/(?:tmp|work|root|Users)\//m
    expect(pathsOf(sources, ({ text }) => place.test(text))).toEqual([])
  })
})

describe('the product', () => {
  test('leaves out a field that is absent by `defined`, not by spreading nothing', () => {
    expect(pathsOf(product, ({ text }) => /=== undefined\s*\?\s*\{\}/.test(text))).toEqual([])
  })

  test('casts an object that it made from entries in one file only', () => {
    expect(pathsOf(product, castsEntries)).toEqual([])
  })
})

describe('the doors', () => {
  test('the environment is read in deploy/config.ts alone', () => {
    expect(pathsOf(product, ({ text }) => /\bprocess\.env\b/.test(text))).toEqual(['deploy/config.ts'])
  })

  test('time comes through the clock, but for the places that say why', () => {
    const time = /\bDate\.now\(|\bnew Date\(\)|\bset(?:Timeout|Interval)\(|\bperformance\.now\(|['"]node:timers/
    expect(pathsOf(product, ({ text }) => time.test(text))).toEqual(Object.keys(TIME).sort())
  })

  test('people are spoken to in one file', () => {
    const output = /\bconsole\.\w|\bprocess\.(?:stdout|stderr)\b/
    expect(pathsOf(product, ({ text }) => output.test(text))).toEqual(OUTPUT)
  })

  test('no key pair is made by a generator of Node, which can wait for itself for ever', () => {
    expect(pathsOf(product, ({ text }) => /\bgenerateKeyPair(?:Sync)?\b/.test(text))).toEqual([])
  })

  test('chance is asked of node:crypto, but where only delays depend on it', () => {
    const chance = pathsOf(product, ({ text }) => /\bMath\.random\b/.test(text))
    expect(chance.filter((path) => !path.startsWith('deploy/'))).toEqual([])
  })
})

describe('the tests', () => {
  test('none is skipped, focused or expected to fail', () => {
    const held = /\b(?:test|it|describe|suite)\.(?:skip|only|todo|skipIf|runIf|fails)\b|\bx(?:it|test|describe)\(/
    expect(pathsOf(others, ({ text }) => held.test(text))).toEqual([])
  })

  test('each source file is reached by a test of its folder, or held by one that is named here', () => {
    const held = new Set([...reachedByTests(), ...Object.values(TESTED_BY).flat()])
    expect(pathsOf(product, ({ path, text }) => !held.has(path) && hasCode(path, text))).toEqual([])
  })

  test('what is named here exists, and is not reached otherwise by now', () => {
    const reached = reachedByTests()
    const known = new Set(sources.map(({ path }) => path))
    const named = Object.values(TESTED_BY).flat()
    expect(Object.keys(TESTED_BY).filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
    expect(named.filter((path) => !known.has(path) || reached.has(path))).toEqual([])
    expect(new Set(named).size).toBe(named.length)
  })
})

describe('the refusals', () => {
  const users = product.filter(({ path }) => path !== 'messages/refusal.ts' && !path.startsWith('messages/protocol'))

  test('each code that is refused with is of the list', () => {
    const codes = sources.flatMap(({ text }) =>
      [...text.matchAll(/\bnew Refusal\(\s*'(\w+)'/g)].map((match) => match[1]!),
    )
    expect(codes.length).toBeGreaterThan(100)
    expect(codes.filter((code) => !Object.hasOwn(REFUSALS, code))).toEqual([])
  })

  test('each code of the list is used', () => {
    expect(Object.keys(REFUSALS).filter((code) => !users.some(({ text }) => text.includes(`'${code}'`)))).toEqual([])
  })
})

describe('the package', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    version: string
    scripts: Record<string, string>
  }

  test('has the version that members announce', () => {
    expect(VERSION).toBe(manifest.version)
  })

  test('hands the flags of npm start and npm run demo to the command', () => {
    for (const name of ['start', 'demo', 'bench'])
      expect(manifest.scripts[name]).toMatch(/^node dist\/[\w/]+\.js[\w -]*$/)
  })

  test('has no prepare script, which would break an install without development dependencies', () => {
    expect(Object.keys(manifest.scripts)).not.toContain('prepare')
  })
})

describe('the pages', () => {
  test('name only files that exist', () => {
    const named = new RegExp('`((?:' + ROOMS.join('|') + ')/[\\w./-]*)`', 'g')
    const lost = pages.flatMap(({ path, text }) =>
      [...text.matchAll(named)]
        .map((match) => match[1]!)
        .filter((file) => !existsSync(join(ROOT, file)))
        .map((file) => `${path}: ${file}`),
    )
    expect(lost).toEqual([])
  })

  test('link only to pages that exist', () => {
    const lost = pages.flatMap(({ path, text }) =>
      [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
        .map((match) => match[1]!)
        .filter((target) => !existsSync(join(ROOT, dirname(path), target)))
        .map((target) => `${path}: ${target}`),
    )
    expect(lost).toEqual([])
  })

  test('quote the code as it stands', () => {
    // However the formatter breaks lines on the one side or the other.
    const bare = (text: string) => text.replaceAll(/\s+/g, '').replaceAll(/,(?=[)}\]])|[,;]$/g, '')
    const code = sources.map(({ text }) => bare(text)).join('\n')
    const quotes = blocksOf('CONTRIBUTING.md').filter(({ language }) => language === 'ts')
    expect(quotes.length).toBeGreaterThan(5)
    const pieces = quotes.flatMap(({ text }) => text.split('\n\n'))
    expect(pieces.filter((piece) => !code.includes(bare(piece)))).toEqual([])
  })
})

test('the linter finds a forgotten promise, which is a lost message', async () => {
  await using folder = await temporaryFolder()
  const forgetful =
    'async function send(): Promise<void> {\n  await Promise.resolve()\n}\n\n' +
    'export function forget(): void {\n  send()\n}\n'
  const file = join(folder.path, 'forgetful.ts')
  await writeFile(file, forgetful)
  await writeFile(join(folder.path, 'careful.ts'), forgetful.replace('  send()', '  void send()'))
  const { stdout, status } = spawnSync(
    join(ROOT, 'node_modules', '.bin', 'oxlint'),
    ['--config', join(ROOT, '.oxlintrc.json'), '--format', 'unix', folder.path],
    {
      cwd: ROOT,
      encoding: 'utf8',
    },
  )
  expect(stdout).toContain('no-floating-promises')
  expect(stdout).toContain('1 problem\n')
  expect(status).toBe(1)
})

/**
 * What the tests of a floor, or of a service, import of it, themselves or through its files. The index of a floor leads
 * no further, or one import would reach everything.
 */
function reachedByTests(): ReadonlySet<string> {
  const imports = new Map(sources.map(({ path, text }) => [path, importsOf(path, text)]))
  const reached = new Set<string>()
  for (const { path } of sources.filter((source) => source.path.endsWith('.test.ts'))) {
    const floor = path.replace(/^test\/((?:actors\/)?[a-z_]+\/)?.*$/, '$1')
    const seen = new Set<string>()
    const visit = (file: string) => {
      // A test that enters by the floor's index says by its own name which file it means.
      const byName = file === path ? [path.replace(/^test\/(.*)\.test\.ts$/, '$1.ts')] : []
      for (const target of [...byName, ...(imports.get(file) ?? [])]) {
        const isOwn = floor !== '' && target.startsWith(floor) && !/^[a-z]+\/index\.ts$/.test(target)
        if (seen.has(target) || !(isOwn || target.startsWith('test/'))) continue
        seen.add(target)
        if (isOwn) reached.add(target)
        visit(target)
      }
    }
    visit(path)
  }
  return reached
}

/**
 * True where the type that `Object.fromEntries` has forgotten is asserted past the compiler: `fromKeys` and `mapValues`
 * of messages/fields.ts keep it.
 */
function castsEntries({ path, text }: Text): boolean {
  if (path === 'messages/fields.ts' || !text.includes('Object.fromEntries')) return false
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023)
  const isCast = (node: ts.Node): boolean => {
    if (!ts.isAsExpression(node)) return ts.forEachChild(node, isCast) ?? false
    const made = node.expression.getText(source)
    const asserted = node.type.getText(source)
    if (made.includes('Object.fromEntries') && /^(?:unknown|Handlers)\b/.test(asserted)) return true
    return ts.forEachChild(node, isCast) ?? false
  }
  return isCast(source)
}

/** False for contracts, and for an index that only hands on: of them the compiler leaves nothing. */
function hasCode(path: string, text: string): boolean {
  const { outputText } = ts.transpileModule(text, {
    fileName: path,
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2023,
      verbatimModuleSyntax: true,
      removeComments: true,
    },
  })
  return outputText.replaceAll(/\b(?:import|export)\b[^;'"]*(?:from )?(?:['"][^'"]*['"])?;/g, '').trim() !== ''
}
