import { expect, test } from 'vitest'
import { Refusal } from '../../../messages/index.ts'
import type { MemberMessage } from '../../../runtime/index.ts'
import { ManualClock, openHostLink } from '../../../runtime/index.ts'

const config = {
  service: 'storage',
  instance: 0,
  natsUrl: 'nats://127.0.0.1:1',
  natsUser: '',
  natsPassword: '',
  manifest: '{}',
  manifestDigest: '',
  settings: {},
  logLevel: 'info',
  plainRequests: false,
}

/** The launcher's end of a channel; the real one, over a process, is in `test/deploy/launcher`. */
function pair() {
  const said: MemberMessage[] = []
  const listeners: { message: (message: unknown) => void; disconnect: () => void } = {
    message() {},
    disconnect() {},
  }
  const clock = new ManualClock()
  const link = openHostLink(
    {
      send: (message: unknown) => said.push(message as MemberMessage),
      on(event: string, listener: (message: unknown) => void) {
        if (event === 'message') listeners.message = listener
        else listeners.disconnect = () => listener(undefined)
      },
    },
    clock,
  )
  return {
    link,
    said,
    clock,
    hear: (message: unknown) => listeners.message(message),
    close: () => listeners.disconnect(),
  }
}

test('a half says hello and gets its configuration', async () => {
  const { link, said, hear } = pair()
  const configured = link.configure()
  expect(said).toEqual([{ type: 'hello' }])
  hear({ type: 'configure', config })
  expect(await configured).toEqual(config)
})

test('answers find their questions, in any order', async () => {
  const { link, said, hear } = pair()
  const evidence = link.attest(new Uint8Array(64))
  const key = link.getSealingKey()
  expect(said.map(({ type }) => type)).toEqual(['attest', 'get_sealing_key'])
  hear({ type: 'sealing_key', id: 2, key: new Uint8Array(32).fill(1) })
  hear({ type: 'evidence', id: 1, evidence: { platform: 'simulated', bytes: new Uint8Array([1]) } })
  expect(await key).toEqual(new Uint8Array(32).fill(1))
  expect(await evidence).toEqual({ platform: 'simulated', bytes: new Uint8Array([1]) })
})

test('an answer of another kind than the question is refused', async () => {
  const { link, hear } = pair()
  const key = link.getSealingKey()
  hear({ type: 'evidence', id: 1, evidence: { platform: 'simulated', bytes: new Uint8Array([1]) } })
  await expect(key).rejects.toMatchObject({ code: 'malformed' })
})

test("the device's refusal is the question's", async () => {
  const { link, hear } = pair()
  const evidence = link.attest(new Uint8Array(64))
  hear({ type: 'error', id: 1, code: 'unavailable', message: 'no device' })
  await expect(evidence).rejects.toMatchObject({ code: 'unavailable', message: 'no device' })
})

test('a launcher that does not answer is not waited for for ever', async () => {
  const { link, clock, hear } = pair()
  const evidence = link.attest(new Uint8Array(64))
  clock.advance(30_000)
  await expect(evidence).rejects.toMatchObject({ code: 'deadline_exceeded' })
  hear({ type: 'evidence', id: 1, evidence: { platform: 'simulated', bytes: new Uint8Array([1]) } })
})

test('no more than 64 questions wait at once', async () => {
  const { link, close } = pair()
  const waiting = Array.from({ length: 64 }, () => link.getSealingKey())
  await expect(link.getSealingKey()).rejects.toMatchObject({ code: 'overloaded' })
  close()
  for (const { status } of await Promise.allSettled(waiting)) expect(status).toBe('rejected')
})

test('a password is saved when the launcher says so', async () => {
  const { link, said, hear } = pair()
  const saved = link.saveAdminPassword('admin', 'secret')
  expect(said).toEqual([{ type: 'admin_password', id: 'admin', password: 'secret' }])
  hear({ type: 'saved', id: 'admin' })
  await expect(saved).resolves.toBeUndefined()
  const refused = link.saveAdminPassword('admin', 'secret')
  hear({ type: 'error', id: 0, code: 'forbidden', message: 'this service makes no admin' })
  await expect(refused).rejects.toMatchObject({ code: 'forbidden' })
})

test('a drain is heard once, also by one who listens late', () => {
  const { link, hear, close } = pair()
  let heard = 0
  link.onDrain(() => (heard += 1))
  hear({ type: 'drain' })
  close()
  expect(heard).toBe(1)
  link.onDrain(() => (heard += 1))
  expect(heard).toBe(2)
})

test('a half whose launcher is gone drains', async () => {
  const { link, close } = pair()
  let heard = 0
  link.onDrain(() => (heard += 1))
  const evidence = link.attest(new Uint8Array(64))
  close()
  await expect(evidence).rejects.toMatchObject({ code: 'unavailable' })
  expect(heard).toBe(1)
})

test('states and failures are told as they are', () => {
  const { link, said } = pair()
  link.tellState('ready', { memberId: 'storage-1', measurement: 'ab' })
  link.tellFailed(new Refusal('platform_untrusted', 'no', { hint: 'do' }))
  expect(said).toEqual([
    { type: 'state', state: 'ready', memberId: 'storage-1', measurement: 'ab' },
    { type: 'failed', code: 'platform_untrusted', message: 'no', hint: 'do' },
  ])
})

test('a process without a launcher is refused', () => {
  expect(() => openHostLink({ on: () => {} }, new ManualClock())).toThrow(
    expect.objectContaining({ code: 'unavailable' }),
  )
})

test('a message of another form is a defect of the launcher, and not taken for an answer', () => {
  const { hear } = pair()
  expect(() => hear({ type: 'configure', config: { ...config, service: 'not a role' } })).toThrow(
    expect.objectContaining({ code: 'invalid_request' }),
  )
  expect(() => hear('drain')).toThrow(expect.objectContaining({ code: 'invalid_request' }))
})
