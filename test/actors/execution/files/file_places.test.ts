/** A worker's files in every kind of place, and only in those that its deployment allows. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { readdir, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { parseFileUrl } from '../../../../actors/execution/files/file_places.ts'
import { decryptFile, encryptFile, tagRawFile } from '../../../../attestation/sealing/file_schemes/scheme.ts'
import type { OutputCrypto, RunOrder } from '../../../../messages/index.ts'
import { temporaryFolder } from '../../../support/temporary_folder.ts'
import { BUILTIN_THREAD, ScriptedTasks } from '../scripted_tasks.ts'

const crypto: OutputCrypto = { scheme: 'teaclave-file-128', key: Buffer.alloc(16, 1) }
const data_id = 'output-00000000-0000-4000-8000-000000000000'

/** An intersection whose files lie at these urls; the inputs are there already. */
function intersection(urls: readonly [string, string, string, string], tags: readonly Uint8Array[]): Partial<RunOrder> {
  const [input1, input2, output1, output2] = urls
  return {
    function_name: 'builtin-ordered-set-intersect',
    arguments: { order: 'ascending' },
    inputs: [
      { name: 'input_data1', data_id, url: input1, crypto, tag: tags[0]! },
      { name: 'input_data2', data_id, url: input2, crypto: { scheme: 'raw' }, tag: tags[1]! },
    ],
    outputs: [
      { name: 'output_result1', data_id, url: output1, crypto },
      { name: 'output_result2', data_id, url: output2, crypto },
    ],
    declared_outputs: ['output_result1', 'output_result2'].map((name) => ({ name, description: '', optional: false })),
  }
}

/** A server that keeps what is put, and gives it out again. */
async function serveFiles(files: Map<string, Buffer>): Promise<string> {
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    if (request.method !== 'PUT') return response.writeHead(files.has(path) ? 200 : 404).end(files.get(path))
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    return request.on('end', () => {
      files.set(path, Buffer.concat(parts))
      response.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a run reads and writes on the web and in folders, and leaves nothing else there', async () => {
  await using folder = await temporaryFolder()
  const left = encryptFile(Buffer.from('aa\nbb\n'), crypto)
  const right = Buffer.from('bb\ncc\n')
  const web = new Map([['/left', Buffer.from(left.bytes)]])
  const server = await serveFiles(web)
  await writeFile(join(folder.path, 'right'), right)
  const here = (name: string) => pathToFileURL(join(folder.path, name)).href
  const tasks = new ScriptedTasks()
  await tasks.startWorker(BUILTIN_THREAD, {
    files: { http: true, networks: ['127.0.0.0/8'], folders: [folder.path] },
  })
  const order = intersection(
    [`${server}/left`, here('right'), `${server}/one`, here('two')],
    [left.tag, tagRawFile(right)],
  )
  const outcome = await tasks.reportOf(await tasks.stage(order))
  if (outcome.status !== 'ok') throw new Error(outcome.message)
  const { output_result1: tag } = outcome.result.output_tags
  expect(Buffer.from(decryptFile(web.get('/one')!, crypto, tag!)).toString()).toBe('0\n1\n')
  expect((await readdir(folder.path)).sort()).toEqual(['right', 'two'])
  // The next one finds the same content in both places, and takes over what is there.
  const again = await tasks.reportOf(await tasks.stage(order))
  expect(again).toMatchObject({ status: 'ok', result: { output_tags: outcome.result.output_tags } })
})

test.each([
  ['http://127.0.0.1:9/x', 'forbidden'],
  ['https://127.0.0.1:9/x', 'forbidden'],
  ['https://169.254.169.254/x', 'forbidden'],
  ['file:///etc/hostname', 'forbidden'],
  ['data:;base64,!', 'invalid_request'],
])('a worker that nobody told otherwise does not reach %s', async (url, code) => {
  const tasks = new ScriptedTasks()
  await tasks.startWorker(BUILTIN_THREAD)
  const tag = Buffer.alloc(16)
  const taskId = await tasks.stage({ inputs: [{ name: 'data', data_id, url, crypto, tag }] })
  const outcome = await tasks.reportOf(taskId)
  expect(outcome).toMatchObject({ status: 'error', code })
  expect(outcome.status === 'error' && outcome.message).toContain('"data"')
})

test('nothing is written into a url', async () => {
  const tasks = new ScriptedTasks()
  await tasks.startWorker(BUILTIN_THREAD)
  const tag = encryptFile(Buffer.from('aa\n'), crypto)
  const inline = `data:;base64,${Buffer.from(tag.bytes).toString('base64')}`
  const order = intersection([inline, 'data:;base64,', 'data:;base64,', 'data:;base64,'], [tag.tag, tag.tag])
  const { inputs = [] } = order
  const bothEncrypted = inputs.map((input) => ({ ...input, url: inline, crypto, tag: tag.tag }))
  const taskId = await tasks.stage({ ...order, inputs: bothEncrypted })
  expect(await tasks.reportOf(taskId)).toMatchObject({ status: 'error', code: 'invalid_request' })
})

test.each(['ftp://example.org/x', 'nats-object://a/b/c', ''])('%j is no place', (url) => {
  expect(() => parseFileUrl(url)).toThrow(expect.objectContaining({ code: 'invalid_request' }))
})
