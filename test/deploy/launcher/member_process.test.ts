import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { MemberProcess, MemberProcessOptions } from '../../../deploy/launcher/member_process.ts'
import { startMemberProcess } from '../../../deploy/launcher/member_process.ts'
import { isAlive } from '../../../deploy/state/state_lock.ts'
import type { RefusalNote } from '../../../messages/index.ts'
import { systemClock } from '../../../runtime/index.ts'
import { newFolder, standInDevice, standInPath } from '../../support/stand_in.ts'

async function start(settings: Record<string, unknown>, more: Partial<MemberProcessOptions> = {}) {
  const logPath = join(await newFolder(), 'member.log')
  const states: string[] = []
  const failures: RefusalNote[] = []
  let process: MemberProcess | undefined
  const ended = new Promise<string>((resolve) => {
    process = startMemberProcess({
      config: {
        service: 'storage',
        instance: 0,
        natsUrl: '',
        natsUser: '',
        natsPassword: '',
        manifest: '{}',
        manifestDigest: '',
        settings,
        logLevel: 'info',
        plainRequests: false,
      },
      entryPath: standInPath,
      device: standInDevice,
      logPath,
      clock: systemClock,
      onState(message) {
        states.push(message.state)
        // Drained as soon as it serves: these tests are of the channel.
        if (message.state === 'ready') process?.drain()
      },
      onFailed: (note) => failures.push(note),
      onEnd: resolve,
      ...more,
    })
  })
  return { process: process!, ended, states, failures, logPath }
}

test('a process reports its states, and its end once it was drained', async () => {
  const { process, ended, states } = await start({})
  expect(await ended).toBe('exit code 0')
  expect(states).toEqual(['attesting', 'ready'])
  expect(isAlive(process.pid!)).toBe(false)
})

test('what it said just before its end is heard first', async () => {
  const { ended, failures } = await start({ act: 'refuse', code: 'platform_untrusted' })
  expect(await ended).toBe('exit code 1')
  expect(failures).toEqual([
    { code: 'platform_untrusted', message: 'the evidence was refused', hint: 'start it as it was built' },
  ])
})

test('a code that this version does not know counts as internal', async () => {
  const { ended, failures } = await start({ act: 'refuse', code: 'no_such_code' })
  await ended
  expect(failures).toMatchObject([{ code: 'internal' }])
})

test('what it writes goes to its log, behind what is there', async () => {
  const entryPath = join(await newFolder(), 'loud.mjs')
  await writeFile(entryPath, 'console.log("out"); console.error("err")\nprocess.disconnect()\n')
  const { ended, logPath } = await start({}, { entryPath })
  expect(await ended).toBe('exit code 0')
  expect(await readFile(logPath, 'utf8')).toBe('out\nerr\n')
})

test('messages of another form are passed over', async () => {
  const entryPath = join(await newFolder(), 'odd.mjs')
  const lines = ['"hello"', '{ type: "state", state: "rich" }', '{ type: "attest", id: 1, reportData: "text!" }']
  await writeFile(entryPath, `${lines.map((line) => `process.send(${line})`).join('\n')}\nprocess.disconnect()\n`)
  const { ended, states, failures } = await start({}, { entryPath })
  expect(await ended).toBe('exit code 0')
  expect([states, failures]).toEqual([[], []])
})

test('a module that is not there is an end like any other', async () => {
  const { ended } = await start({}, { entryPath: '/no/such/module.mjs' })
  expect(await ended).toBe('exit code 1')
})
