import { getShortestPaths } from '@xstate/graph'
import { describe, expect, test } from 'vitest'
import { createActor } from 'xstate'
import { supervisorMachine } from '../../../deploy/launcher/supervisor_machine.ts'

const LIMITS = { restartsMax: 2, windowMs: 60_000 }
const EXIT = { type: 'EXITED', how: 'exit code 1', atMs: 1_000 } as const

function start() {
  const actor = createActor(supervisorMachine, { input: { limits: LIMITS } })
  actor.start()
  return actor
}

describe('every state', () => {
  const paths = getShortestPaths(supervisorMachine, {
    input: { limits: LIMITS },
    events: [
      { type: 'ATTESTING' },
      { type: 'READY' },
      { type: 'DRAINING' },
      { type: 'FAILED', note: { code: 'platform_untrusted', message: 'no' } },
      EXIT,
      { type: 'TOO_SLOW' },
      { type: 'RETRY' },
      { type: 'STOP' },
    ],
    // The moments that are counted would make endless states; that there are some is all that matters here.
    serializeState: ({ value, context }) =>
      JSON.stringify([value, context.endings.length, context.refusal?.code, context.stopRequested]),
  })

  test('is reached by some path, and none but those', () => {
    const values = new Set(paths.map(({ state }) => state.value))
    expect(values).toEqual(new Set(['starting', 'attesting', 'ready', 'draining', 'backoff', 'failed', 'stopped']))
  })

  test('comes to rest when it is told to stop and its process ends', () => {
    for (const { state } of paths) {
      const actor = createActor(supervisorMachine, { snapshot: state, input: { limits: LIMITS } })
      actor.start()
      if (state.status === 'active') actor.send({ type: 'STOP' })
      if (actor.getSnapshot().status === 'active') actor.send(EXIT)
      expect(actor.getSnapshot().value).toBe('stopped')
    }
  })
})

test('a process that ends by itself is started again, until it has ended too often', () => {
  const actor = start()
  for (const atMs of [1_000, 2_000]) {
    actor.send({ ...EXIT, atMs })
    expect(actor.getSnapshot().value).toBe('backoff')
    actor.send({ type: 'RETRY' })
    expect(actor.getSnapshot().value).toBe('starting')
  }
  actor.send({ ...EXIT, atMs: 3_000 })
  expect(actor.getSnapshot().value).toBe('failed')
})

test('endings that are long past do not count', () => {
  const actor = start()
  for (const atMs of [1_000, 2_000, 62_001, 63_000, 125_000]) {
    actor.send({ ...EXIT, atMs })
    expect(actor.getSnapshot().value).toBe('backoff')
    actor.send({ type: 'RETRY' })
  }
})

test('what another start cannot mend is given up at once', () => {
  const actor = start()
  actor.send({ type: 'FAILED', note: { code: 'state_damaged', message: 'broken' } })
  actor.send(EXIT)
  expect(actor.getSnapshot()).toMatchObject({ value: 'failed', context: { refusal: { code: 'state_damaged' } } })
})

test('an untrusted platform is tried again', () => {
  const actor = start()
  actor.send({ type: 'FAILED', note: { code: 'platform_untrusted', message: 'no' } })
  actor.send(EXIT)
  expect(actor.getSnapshot().value).toBe('backoff')
})

test('a member that drains by itself is started again', () => {
  const actor = start()
  actor.send({ type: 'READY' })
  actor.send({ type: 'DRAINING' })
  actor.send(EXIT)
  expect(actor.getSnapshot().value).toBe('backoff')
})

test('the reason of an earlier process is not that of the next', () => {
  const actor = start()
  actor.send({ type: 'FAILED', note: { code: 'platform_untrusted', message: 'no' } })
  actor.send(EXIT)
  actor.send({ type: 'RETRY' })
  expect(actor.getSnapshot().context.refusal).toBeUndefined()
})
