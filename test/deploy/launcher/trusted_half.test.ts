import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { TrustedHalfOptions, TrustedHalfStatus } from '../../../deploy/launcher/trusted_half.ts'
import { superviseTrustedHalf } from '../../../deploy/launcher/trusted_half.ts'
import { isAlive } from '../../../deploy/state/state_lock.ts'
import { systemClock } from '../../../runtime/index.ts'
import { standInDevice, standInPath } from '../../support/stand_in.ts'
import { temporaryFolder } from '../../support/temporary_folder.ts'

async function supervise(settings: Record<string, unknown>, more: Partial<TrustedHalfOptions> = {}) {
  const folder = await temporaryFolder()
  const said: string[] = []
  const changes: TrustedHalfStatus[] = []
  const waiting: { state: string; resolve: () => void }[] = []
  const half = superviseTrustedHalf({
    config: {
      service: 'storage',
      instance: 0,
      natsUrl: 'nats://127.0.0.1:1',
      natsUser: 'storage',
      natsPassword: 'p',
      manifest: '{}',
      manifestDigest: 'd',
      settings: { report: join(folder.path, 'report.json'), mark: join(folder.path, 'mark'), ...settings },
      logLevel: 'info',
      plainRequests: false,
    },
    entryPath: standInPath,
    device: () => standInDevice,
    logFolder: folder.path,
    say: (text) => said.push(text),
    clock: systemClock,
    random: () => 0,
    onChange(status) {
      changes.push(status)
      for (const { state, resolve } of waiting) if (state === status.state) resolve()
    },
    ...more,
  })
  onTestFinished(async () => {
    await half.stop()
    await folder[Symbol.asyncDispose]()
  })
  /** Resolves when the state is entered; a state that was entered before does not count. */
  const entered = (state: string) => new Promise<void>((resolve) => waiting.push({ state, resolve }))
  return { half, folder: folder.path, said, changes, entered }
}

test('a half is given its configuration, evidence and sealing key, and becomes ready', async () => {
  const { half, folder, changes } = await supervise({})
  await half.ready()
  const report = JSON.parse(await readFile(join(folder, 'report.json'), 'utf8'))
  expect(report.config).toMatchObject({ service: 'storage', natsUser: 'storage' })
  expect(report.evidence).toMatchObject({ type: 'evidence', id: 1, evidence: { platform: 'simulated' } })
  expect(Object.values(report.evidence.evidence.bytes)).toEqual(Array(64).fill(7))
  expect(report.key).toMatchObject({ type: 'sealing_key', id: 2 })
  expect(half.status()).toMatchObject({ state: 'ready', memberId: expect.stringMatching(/^fixture-/), endings: 0 })
  expect(changes.map(({ state }) => state)).toEqual(expect.arrayContaining(['attesting', 'ready']))
})

test('nothing of the environment reaches a half', async () => {
  const { half, folder } = await supervise({})
  await half.ready()
  const { env, execArgv } = JSON.parse(await readFile(join(folder, 'report.json'), 'utf8'))
  // Node puts the channel's own variables there before the program runs.
  expect(Object.keys(env).filter((name) => !name.startsWith('NODE_CHANNEL'))).toEqual(['PATH', 'LANG'])
  expect(execArgv).toEqual([])
})

test('a half that was killed is started again', async () => {
  const { half, entered, said } = await supervise({})
  await half.ready()
  const before = half.status().pid!
  const again = entered('ready')
  await half.kill()
  expect(isAlive(before)).toBe(false)
  await again
  expect(half.status()).toMatchObject({ state: 'ready', endings: 1 })
  expect(half.status().pid).not.toBe(before)
  expect(said).toEqual(['storage-0 ended (SIGKILL); it is started again in 0.1 s'])
})

test('one crash at the start costs one restart', async () => {
  const { half } = await supervise({ act: 'crash_once' })
  await half.ready()
  expect(half.status().endings).toBe(1)
})

test('a half that crashes again and again is given up, and that is said', async () => {
  const { half, said } = await supervise({ act: 'crash' }, { limits: { restartsMax: 2, windowMs: 60_000 } })
  await expect(half.ready()).rejects.toMatchObject({
    code: 'unavailable',
    hint: expect.stringContaining('storage-0.log'),
  })
  expect(half.status().state).toBe('failed')
  expect(said).toHaveLength(3)
  expect(said[2]).toMatch(/^storage-0 ended \(exit code 3\); it is given up after 3 tries\. Its log is /)
})

test('a refused half says so in words, and is tried again', async () => {
  const { half, said, entered } = await supervise({ act: 'refuse', code: 'platform_untrusted' })
  await entered('backoff')
  expect(half.status()).toMatchObject({ state: 'backoff', problem: { code: 'platform_untrusted' } })
  expect(said).toEqual([
    'storage-0 says: the evidence was refused (start it as it was built); it is started again in 0.5 s',
  ])
})

test('a half whose state is damaged is given up at once, with its own reason', async () => {
  const { half } = await supervise({ act: 'refuse', code: 'state_damaged' })
  await expect(half.ready()).rejects.toMatchObject({ code: 'state_damaged', message: 'the evidence was refused' })
})

test('a half is drained when it is to stop', async () => {
  const { half, said } = await supervise({})
  await half.ready()
  const pid = half.status().pid!
  await half.stop()
  await half.stop()
  expect(isAlive(pid)).toBe(false)
  expect(half.status()).toMatchObject({ state: 'stopped', endings: 1 })
  expect(said).toEqual([])
})

test('a half that does not drain is ended all the same', async () => {
  const timers: { delayMs: number; callback: () => void }[] = []
  // A clock of our own, so that the seven seconds are over when we say so.
  const clock = {
    ...systemClock,
    after(delayMs: number, callback: () => void) {
      timers.push({ delayMs, callback })
      return () => {}
    },
  }
  const { half } = await supervise({ act: 'ignore_drain' }, { clock })
  await half.ready()
  const stopped = half.stop()
  timers.find(({ delayMs }) => delayMs === 7_000)?.callback()
  await stopped
  expect(half.status().state).toBe('stopped')
})

test('a half that does not become ready in time is ended and tried again', async () => {
  const timers: { delayMs: number; callback: () => void }[] = []
  const clock = {
    ...systemClock,
    after(delayMs: number, callback: () => void) {
      timers.push({ delayMs, callback })
      return () => {}
    },
  }
  const { half, entered } = await supervise({ act: 'hang' }, { clock })
  const backoff = entered('backoff')
  timers.find(({ delayMs }) => delayMs === 60_000)?.callback()
  await backoff
  expect(half.status()).toMatchObject({ state: 'backoff', problem: { code: 'deadline_exceeded' } })
})

test('the first admin of authentication is saved before it is acknowledged', async () => {
  const saved: string[] = []
  const { half, folder } = await supervise(
    { act: 'make_admin' },
    {
      saveAdminPassword: (id, password) => {
        saved.push(id, password)
        return Promise.resolve()
      },
    },
  )
  await half.ready()
  expect(saved).toEqual(['admin', 'a-long-random-one'])
  expect(JSON.parse(await readFile(join(folder, 'report.json'), 'utf8')).saved).toEqual({ type: 'saved', id: 'admin' })
})

test('another service cannot hand over an admin', async () => {
  const { half, folder } = await supervise({ act: 'make_admin' })
  await half.ready()
  expect(JSON.parse(await readFile(join(folder, 'report.json'), 'utf8')).saved).toMatchObject({
    type: 'error',
    id: 0,
    code: 'forbidden',
  })
})

test('a device that fails is an answer, and the half decides what to do with it', async () => {
  const broken = { ...standInDevice, attest: () => Promise.reject(new Error('no such device')) }
  const { half, folder } = await supervise({}, { device: () => broken })
  await half.ready()
  expect(JSON.parse(await readFile(join(folder, 'report.json'), 'utf8')).evidence).toMatchObject({
    type: 'error',
    id: 1,
    code: 'unavailable',
  })
})
