import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TacitConnection, uploadFile } from '../../client/index.ts'
import { expectFailed, PartyCommands } from '../support/party_commands.ts'

describe('files, by the tacit command', () => {
  const parties = new PartyCommands()
  const { path, run, done, as } = parties
  beforeAll(() => parties.open(() => ['--allow-folder', path('files')]), 60_000)
  afterAll(() => parties.close())

  test('a local file may have the layout of the ancestor', async () => {
    await writeFile(path('old.txt'), 'x'.repeat(10_000))
    const key = ['--key-file', path('old.key')]
    await done('data', 'encrypt', path('old.txt'), path('old.enc'), ...key, '--scheme', 'teaclave-file-128')
    expect((await stat(path('old.enc'))).size).toBe(4 * 4096)
    await done('data', 'decrypt', path('old.enc'), path('old.out'), ...key)
    expect(await readFile(path('old.out'), 'utf8')).toBe('x'.repeat(10_000))
  })

  test('an input that is no secret needs no key file, and says by its name that it is raw', async () => {
    await writeFile(path('public.txt'), 'for everybody')
    expect(await as('alice', 'data', 'register', '--raw', path('public.txt'))).toMatchObject({
      data_id: expect.stringMatching(/^input-/) as string,
    })
    const twice = ['data', 'register', '--raw', path('public.txt'), '--output', '--as', 'alice', '--json']
    expectFailed(await run(twice), 2, 'invalid_request')
    expectFailed(await run(['data', 'register', '--output', '--as', 'alice', '--json']), 2, 'invalid_request')
  })

  test('data is registered with a rule of its owner, from a file', async () => {
    const rule = { name: 'for_the_study', parties: ['alice', 'bob'] }
    await writeFile(path('rule.json'), JSON.stringify(rule))
    await writeFile(path('no-rule.json'), '{')
    await writeFile(path('nameless.json'), '{}')
    const of = (name: string) => ['--rule', path(name)]
    await writeFile(path('ruled.txt'), 'for a study')
    const input = await as('alice', 'data', 'register', '--raw', path('ruled.txt'), ...of('rule.json'))
    const output = await as('alice', 'data', 'register', '--output', '--key-file', path('r.key'), ...of('rule.json'))
    const fused = await as('alice', 'data', 'fuse', 'alice', 'bob', ...of('rule.json'))
    for (const { data_id } of [input, output, fused]) {
      expect(await as('alice', 'data', 'get', String(data_id))).toMatchObject({ data: { rule } })
    }
    const register = (name: string) => run(['data', 'register', '--raw', path('ruled.txt'), ...of(name), '--json'])
    expectFailed(await register('no-rule.json'), 2, 'malformed')
    expectFailed(await register('nameless.json'), 2, 'invalid_request')
  })

  test('files may lie where the operator allows it, outside of the object store', { timeout: 30_000 }, async () => {
    const urlOf = (name: string) => pathToFileURL(path(`files/${name}`)).href
    const key = (name: string) => ['--key-file', path(`${name}.key`)]
    await mkdir(path('files'))
    await writeFile(path('own.txt'), 'aa\nbb\n')
    await writeFile(path('files/public.txt'), 'bb\ncc\n')
    await done(
      'data',
      'encrypt',
      path('own.txt'),
      path('files/own.enc'),
      ...key('own'),
      '--scheme',
      'teaclave-file-128',
    )
    const register = async (...words: string[]) => String((await as('alice', 'data', 'register', ...words))['data_id'])
    const own = await register('--input', path('files/own.enc'), ...key('own'), '--url', urlOf('own.enc'))
    const open = await register('--raw', path('files/public.txt'), '--url', urlOf('public.txt'))
    const flags = await register('--output', ...key('flags'), '--url', urlOf('flags.enc'))
    const others = await register('--output', ...key('others'))
    const { function_id } = await as(
      'fay',
      'function',
      'register',
      '--builtin',
      'builtin-ordered-set-intersect',
      '--public',
    )
    const owners = ['--input', 'input_data1=alice', '--input', 'input_data2=alice', '--output', 'output_result1=alice']
    const words = ['--function', String(function_id), ...owners, '--output', 'output_result2=alice', '--allow-raw']
    const task = String((await as('alice', 'task', 'create', ...words))['task_id'])
    const inputs = ['--input', `input_data1=${own}`, '--input', `input_data2=${open}`]
    const outputs = ['--output', `output_result1=${flags}`, '--output', `output_result2=${others}`]
    await as('alice', 'task', 'assign', task, ...inputs, ...outputs)
    await as('alice', 'task', 'invoke', task, '--wait')
    await as('alice', 'data', 'decrypt', path('files/flags.enc'), path('flags.txt'), ...key('flags'), '--task', task)
    expect(await readFile(path('flags.txt'), 'utf8')).toBe('0\n1\n')
    const elsewhere = ['data', 'decrypt', path('flags.key'), path('x'), '--task', task, '--as', 'alice', '--json']
    expectFailed(await run(elsewhere), 2, 'unsupported')
  })

  test('an upload that is given up is told so, and leaves no file', { timeout: 30_000 }, async () => {
    const manifest = await readFile(path('state/manifest.json'), 'utf8')
    await using connection = await TacitConnection.open({ url: parties.url, manifest })
    const gaveUp = new AbortController()
    const names: string[] = []
    const write: typeof connection.files.write = (bucket, name, content, signal) => {
      names.push(name)
      return connection.files.write(bucket, name, content, signal)
    }
    const files = Object.assign(Object.create(connection.files) as typeof connection.files, { write })
    const onBytes = (done: number) => {
      if (done > 1_000_000) gaveUp.abort()
    }
    const uploading = uploadFile(files, Buffer.alloc(10_000_000), { signal: gaveUp.signal, onBytes })
    await expect(uploading).rejects.toMatchObject({ code: 'canceled' })
    expect(await connection.files.exists('files', names[0] ?? '')).toBe(false)
  })

  test('a local file is encrypted and opened again, and its key is for its owner alone', async () => {
    await writeFile(path('secret.txt'), 'for nobody else')
    const key = ['--key-file', path('secret.key')]
    await done('data', 'encrypt', path('secret.txt'), path('secret.enc'), ...key, '--scheme', 'aes-gcm-128')
    expect(await readFile(path('secret.enc'), 'latin1')).not.toContain('nobody')
    expect((await stat(path('secret.key'))).mode & 0o077).toBe(0)
    await done('data', 'decrypt', path('secret.enc'), path('secret.out'), ...key)
    expect(await readFile(path('secret.out'), 'utf8')).toBe('for nobody else')
    await writeFile(path('secret.enc'), 'something else, and long enough')
    expectFailed(await run(['data', 'decrypt', path('secret.enc'), path('x'), ...key, '--json']), 4, 'tag_mismatch')
  })
})
