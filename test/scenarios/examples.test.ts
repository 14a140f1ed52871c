/** Each example is run against a real deployment, by the command that its own header gives. */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { builtinSpecs } from '../../actors/builtins/index.ts'
import type { TestDeployment } from '../support/deployment.ts'
import { registerEcho, startTestDeployment } from '../support/deployment.ts'
import { temporaryFolder } from '../support/temporary_folder.ts'

const ROOT = join(import.meta.dirname, '../..')
/** A line that ends with a backslash goes on in the next. */
const COMMAND = /^ \* {5}node (dist\/examples\/\w+\.js) ((?:.*\\\n)*.*)$/m

let platform: TestDeployment
let folder: Awaited<ReturnType<typeof temporaryFolder>>
/** What stands for each `<word>` of a header: the same for all examples, or for one. */
let words: Record<string, string>
const ofExample: Record<string, Record<string, string>> = {}

beforeAll(async () => {
  folder = await temporaryFolder()
  platform = await startTestDeployment({ extensions: [join(ROOT, 'dist/examples/attested_counter.js')] })
  const passwordFile = async ({ id, password }: { id: string; password: string }) => {
    await writeFile(join(folder.path, id), `${password}\n`)
    return join(folder.path, id)
  }
  const [alice, bob, fay] = await Promise.all([
    platform.register('alice'),
    platform.register('bob'),
    platform.register('fay', 'FunctionOwner'),
  ])
  const spec = builtinSpecs['builtin-ordered-set-intersect']!
  const { function_id: intersect } = await fay.api.register_function({ ...spec, public: true })
  words = {
    'nats url': platform.deployment.natsUrl,
    'manifest file': platform.deployment.manifestPath,
    user: 'alice',
    'password file': await passwordFile(alice),
    'other user': 'bob',
    'other password file': await passwordFile(bob),
    'function id': await registerEcho(fay),
  }
  ofExample['joint_computation'] = { 'function id': intersect }
  ofExample['echo_task'] = { user: 'admin', 'password file': await passwordFile(platform.admin) }
}, 60_000)

afterAll(async () => {
  await platform.stop()
  await folder[Symbol.asyncDispose]()
})

/** What each says when all went well. */
const SAYS: Readonly<Record<string, RegExp>> = {
  attested_counter: /^visits: 1\n$/,
  echo_task: /^hello\nrun by execution-\w+ on platform simulated\n$/,
  joint_computation: /^alice has in common with bob: ben, cid\nbob has in common with alice: ben, cid\n$/,
  patient_client: new RegExp(
    String.raw`^(?:it was invoked already: .*\n)?(?:\w+, version \d+: .*\n)*` +
      String.raw`Finished, version \d+: .*\nrefused with not_found, advice fix\n$`,
  ),
}

test('each example is tried here', () => {
  expect(readdirSync(join(ROOT, 'examples')).sort()).toEqual(Object.keys(SAYS).map((name) => `${name}.ts`))
})

test.each(Object.entries(SAYS))('%s does what its header says', async (name, says) => {
  expect(await run(name)).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(says) as string })
})

test('patient_client finds its task again when it is started a second time', async () => {
  const first = await run('patient_client')
  const second = await run('patient_client')
  expect([first.code, second.code]).toEqual([0, 0])
  expect(second.stdout).toMatch(/^it was invoked already: .*\nApproved, version 1: /)
})

function run(name: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const [, program = '', placeholders = ''] =
    COMMAND.exec(readFileSync(join(ROOT, `examples/${name}.ts`), 'utf8')) ?? []
  const given = [...placeholders.matchAll(/<([^>]+)>/g)].map(([, word = '']) => ofExample[name]?.[word] ?? words[word]!)
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...given], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
    const heard = { stdout: '', stderr: '' }
    child.stdout.on('data', (chunk: Buffer) => (heard.stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (heard.stderr += chunk.toString()))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, ...heard }))
  })
}
