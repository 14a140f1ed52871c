import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decryptFile } from '../../attestation/index.ts'
import type { Api, TacitConnection } from '../../client/index.ts'
import { verifyReceipt } from '../../client/index.ts'
import type { JointDemoResult } from '../../deploy/demo/joint_demo.ts'
import { runJointDemo } from '../../deploy/demo/joint_demo.ts'
import { readAdminPassword } from '../../deploy/state/state_folder.ts'
import type { OutputCrypto } from '../../messages/index.ts'
import { collectParts, contentOf } from '../../runtime/index.ts'
import type { TestDeployment } from '../support/deployment.ts'
import { startTestDeployment } from '../support/deployment.ts'

const LEFT = Array.from({ length: 3_000 }, (_, index) => `plaintext-item-${index * 2}`)
const RIGHT = Array.from({ length: 2_000 }, (_, index) => `plaintext-item-${index * 3}`)
const COMMON = LEFT.filter((item) => RIGHT.includes(item))

/** What the parties alone may know, as they handed it over the fence. */
interface Secrets {
  cryptos: OutputCrypto[]
  passwords: string[]
  tokens: string[]
  /** The hashed lists in the clear. */
  lists: string[]
}

describe('two parties find out what they share', () => {
  const secrets: Secrets = { cryptos: [], passwords: [], tokens: [], lists: [] }
  const apis: Api[] = []
  let platform: TestDeployment
  let result: JointDemoResult
  beforeAll(async () => {
    platform = await startTestDeployment()
    result = await runJointDemo({
      connect: async () => overhear(await platform.connect(), secrets, apis),
      manifest: platform.manifest,
      adminPassword: await readAdminPassword(platform.deployment.paths),
      left: LEFT,
      right: RIGHT,
      say: () => {},
    })
  })
  afterAll(() => platform.stop())

  test('the result is what a comparison in the clear gives', () => {
    expect(result.status).toBe('Finished')
    expect(result.result).toBe(`${COMMON.length} common items`)
    expect(result.expected).toBe(COMMON.length)
  })

  test('both parties learn which of their own items the other has too', () => {
    expect([...result.leftShared].sort()).toEqual([...COMMON].sort())
    expect([...result.rightShared].sort()).toEqual([...COMMON].sort())
  })

  test('an approval of terms that had changed was refused', () => {
    expect(result.refused).toEqual([
      { what: 'approval of stale terms', code: 'stale_terms', message: expect.stringMatching(/terms/) },
    ])
  })

  test('every service was attested before anything was sent', () => {
    expect(result.services.map(({ name, members }) => [name, members])).toEqual([
      ['access_control', 1],
      ['authentication', 1],
      ['coordinator', 1],
      ['execution', 2],
      ['frontend', 1],
      ['management', 1],
      ['scheduler', 1],
      ['storage', 1],
    ])
  })

  test('every finished task had every approval, and its receipt names what was agreed', async () => {
    const tasks = await tasksSeenBy(apis)
    // One task, as each of the two data owners sees it.
    expect(tasks.map(({ task_id, state }) => [task_id, state])).toEqual(tasks.map(() => [result.taskId, 'Finished']))
    expect(tasks).toHaveLength(2)
    for (const task of tasks) {
      expect(task.approved_by).toEqual([...task.parties].sort())
      const { claims, worker } = await verifyReceipt(task.result?.receipt ?? '', platform.manifest)
      expect(claims).toMatchObject({ task_id: task.task_id, terms_digest: task.terms_digest, attempt: 1 })
      expect(worker).toMatchObject({ platform: 'simulated', member: expect.stringMatching(/^execution-/) })
    }
  })

  test('nothing of the parties lies open in the state folder or in a log', async () => {
    // What is searched for was there: two lists, two keys for inputs and two for outputs, three users.
    expect(secrets).toMatchObject({ cryptos: { length: 4 }, lists: { length: 2 }, passwords: { length: 4 } })
    const hashes = new Set(secrets.lists.flatMap((list) => list.split('\n').filter((line) => line !== '')))
    expect(hashes.size).toBe(LEFT.length + RIGHT.length - COMMON.length)
    const needles = [
      Buffer.from('plaintext-item-'),
      ...secrets.cryptos.flatMap(({ key }) => spellings(key)),
      // The first admin's password has a file of its own until the operator moves it.
      ...secrets.passwords.slice(1).map((password) => Buffer.from(password)),
      ...secrets.tokens.map((token) => Buffer.from(token)),
      ...[...hashes].slice(0, 20).map((hash) => Buffer.from(hash, 'hex')),
    ]
    const files = await filesBelow(platform.stateFolder)
    expect(files.map(({ path }) => path)).toEqual(
      expect.arrayContaining([expect.stringMatching(/\/logs\/.*\.log$/), expect.stringMatching(/\.blk$/)]),
    )
    const found = files.flatMap(({ path, bytes }) => {
      const open = needles.filter((needle) => bytes.includes(needle)).map((needle) => needle.toString('latin1'))
      const lines = (bytes.toString('latin1').match(/[0-9a-f]{64}/g) ?? []).filter((hash) => hashes.has(hash))
      return [...open, ...lines].map((text) => `${path}: ${text}`)
    })
    expect(found).toEqual([])
  })
})

/** Notes what a party sends, on its own side of the fence, and changes nothing. */
function overhear(connection: TacitConnection, secrets: Secrets, apis: Api[]): TacitConnection {
  const { files } = connection
  const written: Uint8Array[] = []
  return Object.assign(Object.create(connection) as TacitConnection, {
    files: {
      read: files.read.bind(files),
      stream: files.stream.bind(files),
      size: files.size.bind(files),
      write: async (...[bucket, name, content, signal]: Parameters<typeof files.write>) => {
        const bytes = await collectParts(contentOf(content).open())
        written.push(bytes)
        return files.write(bucket, name, bytes, signal)
      },
    },
    async login(id: string, password: string) {
      secrets.passwords.push(password)
      const session = await connection.login(id, password)
      secrets.tokens.push(session.token)
      return session
    },
    as(session: { token: string }): Api {
      const api = connection.as(session)
      apis.push(api)
      return {
        ...api,
        register_input_file(request, options) {
          const crypto = request.crypto as OutputCrypto
          secrets.cryptos.push(crypto)
          const list = decryptFile(written.at(-1)!, crypto, request.tag as Uint8Array)
          secrets.lists.push(Buffer.from(list).toString())
          return api.register_input_file(request, options)
        },
        register_output_file(request, options) {
          secrets.cryptos.push(request.crypto as OutputCrypto)
          return api.register_output_file(request, options)
        },
      }
    },
    authentication: connection.authentication,
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  })
}

async function tasksSeenBy(apis: readonly Api[]) {
  const seen = await Promise.all(
    apis.map(async (api) => {
      // The function owner may not ask; he is no party of the task.
      const { tasks } = await api.list_tasks({}).catch(() => ({ tasks: [] }))
      return Promise.all(tasks.map(({ task_id }) => api.get_task({ task_id })))
    }),
  )
  return seen.flat()
}

function spellings(key: Uint8Array): Buffer[] {
  const bytes = Buffer.from(key)
  return [bytes, ...(['hex', 'base64', 'base64url'] as const).map((encoding) => Buffer.from(bytes.toString(encoding)))]
}

async function filesBelow(folder: string): Promise<{ path: string; bytes: Buffer }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Promise.all(paths.map(async (path) => ({ path, bytes: await readFile(path) })))
}
