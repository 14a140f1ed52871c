/**
 * The package as its users get it: the names that it promises, their types and docstrings, and a program that uses it.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from './support/temporary_folder.ts'

const ROOT = join(import.meta.dirname, '..')
const PACK_MS_MAX = 240_000

/** A name is added here on purpose only: whatever stands here is a promise to users of the package. */
const PROMISED: Readonly<Record<'client' | 'runtime', { values: readonly string[]; types: readonly string[] }>> = {
  client: {
    values: [
      'REFUSALS',
      'Refusal',
      'TacitConnection',
      'createFileCrypto',
      'decryptFile',
      'decryptStream',
      'downloadOutput',
      'encryptFile',
      'encryptStream',
      'exportSecret',
      'fileUrlOf',
      'generateSigningKey',
      'hashItems',
      'importSigningKey',
      'isRefusal',
      'isRetryable',
      'manifestDigest',
      'parseItems',
      'planOutput',
      'providePayload',
      'readShared',
      'streamOutput',
      'uploadFile',
      'uploadInput',
      'uploadRawInput',
      'verifyReceipt',
      'waitForTask',
      'watchTask',
    ],
    types: [
      'Advice',
      'Api',
      'ApiReply',
      'ApiRequest',
      'AskOptions',
      'AuditEntry',
      'Client',
      'Clock',
      'ConnectOptions',
      'DataRule',
      'DataView',
      'EncryptedFile',
      'FileContent',
      'FileCrypto',
      'FileStore',
      'FunctionSpec',
      'FunctionView',
      'HashedList',
      'JsonValue',
      'KeyPair',
      'Log',
      'OnBytes',
      'OutputCrypto',
      'OutputScheme',
      'PlatformProof',
      'ReceiptClaims',
      'RefusalCode',
      'RefusalNote',
      'Role',
      'Session',
      'StoredOutput',
      'StoredPayload',
      'TaskChange',
      'TaskOptions',
      'TaskResult',
      'TaskState',
      'TaskTerms',
      'TaskView',
      'TransferOptions',
      'VerifiedReceipt',
      'WatchedChange',
    ],
  },
  runtime: {
    values: [
      'REFUSALS',
      'Refusal',
      'actor',
      'defined',
      'isRefusal',
      'isRetryable',
      'openStore',
      'pack',
      'protocol',
      'retryOnConflict',
      'service',
      'unpack',
      'z',
    ],
    types: [
      'Actor',
      'Advice',
      'AskOptions',
      'Client',
      'Clock',
      'Entry',
      'ExtensionHost',
      'ExtensionService',
      'Handlers',
      'LetterContext',
      'Log',
      'Method',
      'MethodName',
      'Protocol',
      'RefusalCode',
      'RefusalNote',
      'ReplyOf',
      'RequestOf',
      'ScanOptions',
      'Sender',
      'Service',
      'ServiceHost',
      'ServiceStore',
      'StartService',
      'Store',
      'Write',
    ],
  },
}
const ENTRIES = ['client', 'runtime'] as const

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  exports: Record<string, { types: string; default: string }>
  dependencies: Record<string, string>
}
const declarationOf = (entry: (typeof ENTRIES)[number]) => join(ROOT, manifest.exports[`./${entry}`]!.types)

describe('the public names', () => {
  const program = ts.createProgram(ENTRIES.map(declarationOf), {
    ...strictOptions(),
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules', '@types')],
  })
  const checker = program.getTypeChecker()
  const namesOf = (entry: (typeof ENTRIES)[number]) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(declarationOf(entry))!)!
    return checker.getExportsOfModule(module).map((symbol) => ({
      name: symbol.name,
      meant: (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol),
    }))
  }

  test('are in two entry points, and no others', () => {
    expect(Object.keys(manifest.exports)).toEqual(ENTRIES.map((entry) => `./${entry}`))
  })

  test.each(ENTRIES)('of tacit/%s are those that are promised', async (entry) => {
    const names = namesOf(entry)
    const isValue = ({ meant }: { meant: ts.Symbol }) => (meant.flags & ts.SymbolFlags.Value) !== 0
    const values = names.filter(isValue).map(({ name }) => name)
    const types = names.filter((symbol) => !isValue(symbol)).map(({ name }) => name)
    expect({ values: values.sort(), types: types.sort() }).toEqual(PROMISED[entry])
    const loaded = (await import(join(ROOT, manifest.exports[`./${entry}`]!.default))) as object
    expect(Object.keys(loaded).sort()).toEqual(PROMISED[entry].values)
  })

  test.each(ENTRIES)('of tacit/%s each say what they are', (entry) => {
    const silent = namesOf(entry)
      .filter(({ name }) => name !== 'z') // Zod's own
      .filter(({ meant }) => meant.getDocumentationComment(checker).length === 0)
    expect(silent.map(({ name }) => name)).toEqual([])
  })

  test('have no any, nor has anything that their declarations name', () => {
    const own = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(join(ROOT, 'dist')))
    expect(own.length).toBeGreaterThan(30)
    const found: string[] = []
    for (const file of own) {
      const look = (node: ts.Node): void => {
        if (node.kind === ts.SyntaxKind.AnyKeyword) {
          const { line } = file.getLineAndCharacterOfPosition(node.getStart(file))
          found.push(`${file.fileName.slice(ROOT.length + 1)}:${line + 1}`)
        }
        node.forEachChild(look)
      }
      look(file)
    }
    expect(found).toEqual([])
  })
})

describe('the packed package', () => {
  test(
    'compiles and runs in a program of somebody else, and brings no bench, examples or tests',
    async () => {
      await using folder = await temporaryFolder()
      const modules = join(folder.path, 'node_modules')
      await install(folder.path, modules)
      const brought = readdirSync(join(modules, 'tacit', 'dist')).sort()
      expect(brought).toEqual(['actors', 'attestation', 'client', 'deploy', 'messages', 'runtime'])

      await writeFile(join(folder.path, 'package.json'), JSON.stringify({ name: 'consumer', type: 'module' }))
      await writeFile(join(folder.path, 'program.ts'), PROGRAM)
      const consumer = ts.createProgram([join(folder.path, 'program.ts')], {
        ...strictOptions(),
        outDir: folder.path,
        noEmit: false,
        types: ['node'],
        typeRoots: [join(modules, '@types')],
      })
      // Declarations of other packages may break our strictest settings; those that this one brings may not.
      const ours = consumer.getSourceFiles().filter(({ fileName }) => fileName.startsWith(folder.path))
      expect(ours.length).toBeGreaterThan(30)
      const problems = ours.flatMap((file) => [
        ...consumer.getSyntacticDiagnostics(file),
        ...consumer.getSemanticDiagnostics(file),
      ])
      expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([])
      consumer.emit(consumer.getSourceFile(join(folder.path, 'program.ts')))

      const said = execFileSync(process.execPath, ['program.js'], { cwd: folder.path, encoding: 'utf8' })
      expect(said).toBe('counter fix no_broker\n')
    },
    PACK_MS_MAX,
  )
})

/** What a user of the package may write: a service of their own, and a party that asks one. */
const PROGRAM = `
import type { Api, ApiReply, TaskView } from 'tacit/client'
import { isRefusal, REFUSALS, TacitConnection, waitForTask } from 'tacit/client'
import type { Service, StartService } from 'tacit/runtime'
import { actor, protocol, Refusal, z } from 'tacit/runtime'

const counter = protocol('counter', 'Counts', ['client'], {
  add: {
    about: 'Adds',
    request: z.strictObject({ by: z.int() }),
    reply: z.strictObject({ total: z.int() }),
    refuses: ['too_large'],
  },
})
export const start: StartService = async (host): Promise<Service<typeof counter>> => {
  let total = 0
  host.log.info({ member: host.memberId }, 'counts')
  return {
    actor: actor(counter, {
      add({ by }) {
        if (by > 100) throw new Refusal('too_large', 'that is too much')
        total += by
        return { total }
      },
    }),
  }
}
export async function run(api: Api, function_id: string): Promise<TaskView> {
  const { task_id }: ApiReply<'create_task'> = await api.create_task({ function_id })
  return waitForTask(api, task_id)
}
const nowhere = { url: 'nats://127.0.0.1:1', manifest: '{}' }
const error: unknown = await TacitConnection.open(nowhere).catch((thrown: unknown) => thrown)
const code = isRefusal(error) ? error.code : 'another error'
process.stdout.write([counter.name, REFUSALS.too_large.advice, code].join(' ') + '\\n')
`

/** As npm would do it, with the dependencies of this checkout instead of the network's. */
async function install(folder: string, modules: string): Promise<void> {
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]
  const packed = JSON.parse(execFileSync('npm', pack, { cwd: ROOT, encoding: 'utf8' })) as { filename: string }[]
  await mkdir(join(modules, 'tacit'), { recursive: true })
  const archive = join(folder, packed[0]!.filename)
  execFileSync('tar', ['-xzf', archive, '-C', join(modules, 'tacit'), '--strip-components=1'])
  for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
    await mkdir(join(modules, name, '..'), { recursive: true })
    await symlink(join(ROOT, 'node_modules', name), join(modules, name))
  }
}

/** Stricter than most users are: declarations of the package are checked too. */
function strictOptions(): ts.CompilerOptions {
  return {
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  }
}
