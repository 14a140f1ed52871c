/** Files of services as operators get them wrong: each is refused before anything starts, with the reason. */
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readExtensions } from '../../../deploy/launcher/extension.ts'
import { callersOf } from '../../../messages/index.ts'
import { systemClock } from '../../../runtime/index.ts'
import { copyCounter, protocolText, serviceText, writeServices } from '../../support/own_service_files.ts'
import { temporaryFolder } from '../../support/temporary_folder.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  folder = await temporaryFolder()
})
afterAll(() => folder[Symbol.asyncDispose]())

const answer = `() => 'yes'`
const read = async (text: string, name = 'one.js') =>
  readExtensions([(await writeServices(folder.path, { [name]: text }))[name]!], systemClock)

test('a file in an empty folder is read for its protocol, and nothing of it stays in this process', async () => {
  const path = await copyCounter(join(folder.path, 'empty'))
  const [extension] = await readExtensions([path], systemClock)
  expect(extension).toMatchObject({ name: 'counter', path, protocol: { about: 'Counts, and keeps the counts sealed' } })
  expect(callersOf(extension!.protocol, 'add')).toEqual(['client', 'extension'])
})

test('it may import this package and modules of Node', async () => {
  const [extension] = await read(`import 'node:crypto'\nimport 'tacit/client'\n${serviceText('one', answer)}`)
  expect(extension).toMatchObject({ name: 'one' })
})

const IMPORTS = `an own service is one file, so that all of it is measured; bundle what it imports`
test.each<[what: string, text: string, code: string, says: string]>([
  ['that imports a file beside it', `import './two.js'\n${serviceText('one', answer)}`, 'invalid_request', IMPORTS],
  ['that imports a package', `import 'zod'\n${serviceText('one', answer)}`, 'invalid_request', IMPORTS],
  ['that imports one later', `await import('zod')\n${serviceText('one', answer)}`, 'invalid_request', IMPORTS],
  ['that imports by URL', `await import('file:///one.js')\n${serviceText('one', answer)}`, 'invalid_request', IMPORTS],
  [
    'that imports data',
    `await import('data:text/javascript,1')\n${serviceText('one', answer)}`,
    'invalid_request',
    IMPORTS,
  ],
  ['that imports a loader', `import 'node:module'\n${serviceText('one', answer)}`, 'invalid_request', IMPORTS],
  [
    'that imports what is not public',
    `import 'tacit/actors'\n${serviceText('one', answer)}`,
    'invalid_request',
    IMPORTS,
  ],
  [
    'that asks for no such export',
    `import { nothing } from 'tacit/runtime'`,
    'invalid_request',
    `export named 'nothing'`,
  ],
  ['that throws', `throw new Error('no luck')`, 'invalid_request', 'one.js cannot be loaded: no luck (file:///'],
  ['with a slip of the pen', `export default service(`, 'invalid_request', 'one.js cannot be loaded: Unexpected'],
  ['that ends its process', `process.exit(0)`, 'invalid_request', 'the process ended by exit code 0'],
  ['that waits for nothing', `await new Promise(() => {})`, 'invalid_request', 'the process ended by exit code 13'],
  ['without a default export', protocolText('one'), 'invalid_request', 'no default export made by service()'],
  [
    'with a look-alike',
    `${protocolText('one')}\nexport default { protocol: one, start: async () => ({}) }`,
    'invalid_request',
    'no default export made by service()',
  ],
  ['with a name that is taken', serviceText('storage', answer), 'already_exists', 'the name "storage" is taken'],
  [
    'with a caller that is not there',
    serviceText('one', answer, `['nobody']`),
    'invalid_request',
    'lets "nobody" call one.ask, and there is no such service',
  ],
])('a file %s is refused', async (_what, text, code, says) => {
  await expect(read(text)).rejects.toMatchObject({ code, message: expect.stringContaining(says) as string })
})

describe('what is no file to load', () => {
  test('a missing file is refused', async () => {
    await expect(readExtensions([join(folder.path, 'gone.js')], systemClock)).rejects.toMatchObject({
      code: 'not_found',
    })
  })

  test('a link is refused, for what it leads to could change', async () => {
    const path = join(folder.path, 'link.js')
    await symlink(await copyCounter(folder.path), path)
    await expect(readExtensions([path], systemClock)).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('cannot be measured') as string,
    })
  })

  test('a file of another kind is refused', async () => {
    await expect(read('{}', 'one.json')).rejects.toMatchObject({
      code: 'invalid_request',
      message: 'one.json is neither JavaScript nor TypeScript',
    })
  })

  test('TypeScript runs where this Node runs it, and is refused elsewhere with what to do', async () => {
    const text = `${serviceText('typed', answer)}\nexport const one: number = 1\n`
    const { typescript } = process.features as { typescript?: string | false }
    if (typescript !== undefined && typescript !== false) {
      expect(await read(text, 'typed.ts')).toMatchObject([{ name: 'typed' }])
    } else {
      await expect(read(text, 'typed.ts')).rejects.toMatchObject({
        code: 'unsupported',
        message: `typed.ts is TypeScript, which this Node (${process.version}) does not run`,
        hint: 'use Node 22.18 or later, or compile the file to JavaScript and name that',
      })
    }
  })
})

test('the same name twice is refused, with both files', async () => {
  const paths = await writeServices(folder.path, {
    'first.js': serviceText('one', answer),
    'second.js': serviceText('one', answer),
  })
  await expect(readExtensions(Object.values(paths), systemClock)).rejects.toMatchObject({
    code: 'already_exists',
    message: `${paths['second.js']} and ${paths['first.js']} are both the service "one"`,
  })
})

test('each may name the other as its caller', async () => {
  const paths = await writeServices(folder.path, {
    'first.js': serviceText('first', answer, `['second']`),
    'second.js': serviceText('second', answer, `['first', 'management']`),
  })
  expect(await readExtensions(Object.values(paths), systemClock)).toMatchObject([{ name: 'first' }, { name: 'second' }])
})

test('a file that is never done is given up after ten seconds', async () => {
  const { 'slow.js': path } = await writeServices(folder.path, {
    'slow.js': 'setInterval(() => {}, 1000)\nawait new Promise(() => {})',
  })
  const waited: number[] = []
  const clock = {
    ...systemClock,
    after(delayMs: number, callback: () => void) {
      waited.push(delayMs)
      return systemClock.after(200, callback)
    },
  }
  await expect(readExtensions([path], clock)).rejects.toMatchObject({
    code: 'deadline_exceeded',
    message: 'slow.js was not loaded within 10 s',
  })
  expect(waited).toEqual([10_000])
})
