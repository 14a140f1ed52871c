import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isAlive } from '../../deploy/state/state_lock.ts'
import { SERVICES } from '../../messages/index.ts'
import type { RunningCommand } from '../support/command.ts'
import { documentOf, runCommand, startCommand } from '../support/command.ts'
import { eventually, findMembers } from '../support/deployment.ts'
import { temporaryFolder } from '../support/temporary_folder.ts'

interface UpDocument {
  nats: string
  state: string
  manifest: string
  admin_password: string
  services: { service: string; pid: number }[]
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let environment: Record<string, string>
let started: RunningCommand[]
const path = (name: string) => join(folder.path, name)
const start = (...words: string[]) => {
  const command = startCommand(words, { environment })
  started.push(command)
  return command
}
const run = (words: string[], more: Record<string, string> = {}) =>
  runCommand(words, { environment: { ...environment, ...more } })
const startUp = async (...words: string[]) => {
  const up = start('up', '--json', ...words)
  return { up, told: documentOf({ stdout: await up.said('stdout', /\n$/) }) as unknown as UpDocument }
}

beforeEach(async () => {
  started = []
  folder = await temporaryFolder()
  environment = { TACIT_STATE: path('state'), TACIT_HOME: path('home') }
})
afterEach(async () => {
  for (const command of started) command.signal('SIGINT')
  await Promise.all(started.map(({ ended }) => ended))
  await folder[Symbol.asyncDispose]()
})

describe('a deployment that runs until Ctrl-C', () => {
  test(
    'says what the README promises, takes one more worker, and leaves nothing behind',
    { timeout: 60_000 },
    async () => {
      const up = start('up', '--workers', '1')
      const said = await up.said('stdout', /Ctrl-C\n$/)
      expect(said).toMatch(/^Tacit is up: 8 processes in [\d.]+ s, on a simulated platform/)
      const [, url = ''] = /^ {2}NATS +(nats:\/\/127\.0\.0\.1:\d+)$/m.exec(said) ?? []
      const [, passwordPath = ''] = /^ {2}admin password +(.*)$/m.exec(said) ?? []
      expect(said).toMatch(new RegExp(`state +${path('state')}\n`))
      expect(await readFile(passwordPath, 'utf8')).toMatch(/^id: admin\npassword: \S{20,}\n$/)
      expect(Object.keys(await findMembers(url)).sort()).toEqual([...SERVICES].sort())

      const worker = start('worker', '--slots', '2', '--json')
      const { member, pid } = documentOf({ stdout: await worker.said('stdout', /\n$/) }) as {
        member: string
        pid: number
      }
      expect(member).toMatch(/^execution-/)
      expect((await findMembers(url))['execution']).toContain(member)
      worker.signal('SIGINT')
      expect(await worker.ended).toMatchObject({ code: 0, stderr: expect.stringContaining('stopping') })
      expect(isAlive(pid)).toBe(false)
      expect((await findMembers(url))['execution']).toHaveLength(1)

      const processes = await childrenOf(up.pid)
      expect(processes).toHaveLength(9)
      up.signal('SIGINT')
      const end = await up.ended
      expect(end.code).toBe(0)
      expect(end.stderr).toMatch(/stopping: what was accepted is finished first\nstopped\n$/)
      expect(processes.filter(isAlive)).toEqual([])
      expect(await readdir(path('state'))).not.toContain('lock')
      expect(end.stderr.match(/is started again/g)).toBeNull()
    },
  )

  test(
    'killed without a warning, it leaves no process, starts again with what it had, and alone',
    { timeout: 60_000 },
    async () => {
      const { up, told } = await startUp('--workers', '1')
      const password = await readFile(told.admin_password, 'utf8')
      const processes = await childrenOf(up.pid)
      up.signal('SIGKILL')
      await up.ended
      await eventually('all of its processes end', () => (processes.some(isAlive) ? undefined : true))
      const again = await startUp('--workers', '1')
      expect(again.told.state).toBe(told.state)
      expect(await readFile(told.admin_password, 'utf8')).toBe(password)
      await writeFile(path('admin.pw'), /^password: (.+)$/m.exec(password)![1]!)
      expect(await run(['login', 'admin', '--password-file', path('admin.pw')])).toMatchObject({ code: 0 })

      // And it is the only one on its state folder.
      const second = await run(['up', '--json'])
      expect(second.code).toBe(2)
      expect(documentOf(second)).toMatchObject({
        error: {
          code: 'state_in_use',
          message: expect.stringContaining(String(again.up.pid)),
          hint: expect.any(String),
        },
      })
      const doctor = await run(['doctor', '--json'])
      expect(doctor.code).toBe(2)
      expect(documentOf(doctor)).toMatchObject({ ok: false, error: { code: 'not_ready' } })
    },
  )

  test('can be given up while it starts', { timeout: 60_000 }, async () => {
    const up = start('up', '--json')
    await up.said('stderr', /made the first admin/)
    const processes = await childrenOf(up.pid)
    up.signal('SIGINT')
    const end = await up.ended
    expect(end.code).toBe(130)
    expect(documentOf(end)).toMatchObject({ error: { code: 'canceled' } })
    expect(processes.filter(isAlive)).toEqual([])
  })
})

describe('a start that cannot be', () => {
  const refused = async (words: string[], more: Record<string, string> = {}) => {
    const end = await run([...words, '--json'], more)
    expect(end.stderr).toMatch(/error: .*\nhint: .*\n$/)
    const { error } = documentOf(end) as { error: { code: string; message: string; hint: string } }
    return { exit: end.code, ...error }
  }

  test('the port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const port = String((server.address() as AddressInfo).port)
    expect(await refused(['up', '--port', port])).toMatchObject({
      exit: 2,
      code: 'port_taken',
      message: expect.stringContaining(port),
    })
    expect(await refused(['doctor', '--port', port])).toMatchObject({
      exit: 2,
      code: 'not_ready',
      message: expect.stringContaining('port'),
    })
    server.close()
  })

  test('there is no nats-server', async () => {
    const nowhere = { TACIT_NATS_SERVER: path('nowhere') }
    const expected = { exit: 2, code: 'no_broker', message: expect.stringContaining(path('nowhere')) }
    expect(await refused(['up'], nowhere)).toMatchObject(expected)
    expect(await refused(['demo'], nowhere)).toMatchObject(expected)
    expect(await refused(['up', '--nats-server', path('nowhere')])).toMatchObject(expected)
    expect(await refused(['doctor'], nowhere)).toMatchObject({ exit: 2, code: 'not_ready' })
    expect(await refused(['up'], { NATS_URL: 'nats://127.0.0.1:1' })).toMatchObject({ exit: 2, code: 'no_broker' })
  })

  test('the state folder is something else, or of a later version', async () => {
    await mkdir(path('photos'))
    await writeFile(path('photos/cat.jpg'), '')
    expect(await refused(['up', '--state', path('photos')])).toMatchObject({ exit: 4, code: 'state_damaged' })
    expect(await readdir(path('photos'))).toEqual(['cat.jpg'])
    await mkdir(path('later'))
    await writeFile(path('later/format'), '99\n')
    expect(await refused(['up', '--state', path('later')])).toMatchObject({
      exit: 4,
      message: expect.stringContaining('newer'),
    })
  })

  test('a worker finds no deployment', async () => {
    expect(await refused(['worker'])).toMatchObject({ exit: 2, code: 'not_found' })
  })

  test('the environment makes no sense', async () => {
    expect(await refused(['doctor'], { TACIT_LOG: 'loud' })).toMatchObject({
      exit: 2,
      code: 'invalid_request',
      field: 'TACIT_LOG',
    })
    expect(await refused(['doctor'], { NATS_URL: 'x y' })).toMatchObject({
      exit: 2,
      code: 'invalid_request',
      field: 'NATS_URL',
    })
  })

  test('the doctor finds nothing wrong on a machine that can run one', async () => {
    const end = await run(['doctor', '--json'])
    expect(end).toMatchObject({ code: 0, stderr: '' })
    const { ok, checks } = documentOf(end) as { ok: boolean; checks: { name: string; ok: boolean }[] }
    expect(ok).toBe(true)
    expect(checks.map(({ name }) => name)).toEqual(['Node', 'nats-server', 'port', 'setpriv', 'state folder'])
  })
})

/** The processes that a process started and that live. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.trim().split(' ').map(Number)
}
