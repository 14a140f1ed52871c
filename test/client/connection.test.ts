import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest'
import { TacitConnection } from '../../client/connection.ts'
import { isRefusal } from '../../messages/index.ts'
import type { RefusalCode } from '../../messages/index.ts'
import { Refusal } from '../../messages/index.ts'
import type { TestPlatform } from '../support/platform.ts'
import { startPlatform } from '../support/platform.ts'
import { authenticationService, frontendService, sampleTask } from './scripted_frontend.ts'

let platform: TestPlatform
/** Told of calls that are answered when the member stops. */
const calls = new EventEmitter()
const seen: string[] = []

beforeAll(async () => {
  platform = await startPlatform({ roles: ['authentication', 'frontend'] })
  await platform.join('authentication', () => authenticationService())
  await platform.join('frontend', () =>
    frontendService({
      get_task: ({ session }) => {
        seen.push(session ?? 'nobody')
        return sampleTask('Approved', 3)
      },
      approve_task: () => {
        throw new Refusal('stale_terms', 'these are not the terms any more', { hint: 'look again', field: 'digest' })
      },
      watch_task: (_request, { signal }) => {
        calls.emit('watch_task')
        return new Promise((resolve) =>
          signal.addEventListener('abort', () => resolve({ ...sampleTask('Approved', 3), changes: [] })),
        )
      },
    }),
  )
})
afterAll(() => platform.stop())

const open = (options: { manifest?: string; signal?: AbortSignal; url?: string } = {}) =>
  TacitConnection.open({ url: platform.broker.url, manifest: platform.manifestText, ...options })
const { task_id, terms_digest } = sampleTask('Approved', 3)

describe('a connection', () => {
  test('is closed where its scope ends, and answers no more', async () => {
    let kept: TacitConnection
    {
      await using connection = await open()
      kept = connection
      const session = await connection.login('alice', 'secret')
      expect(await connection.as(session).get_task({ task_id })).toMatchObject({ state: 'Approved', version: 3 })
      expect(session.token).toMatch(/^alice by [0-9a-f]{64}$/)
      expect(seen).toEqual([session.token])
    }
    await expect(kept.as({ token: 'x' }).get_task({ task_id })).rejects.toMatchObject({ code: 'unavailable' })
    await kept.close() // a second time is no harm
  })

  test('is refused by a platform that the pinned manifest does not describe, before anything was sent', async () => {
    const before = seen.length
    const other = JSON.stringify({ ...(JSON.parse(platform.manifestText) as object), name: 'another' })
    await expect(open({ manifest: other })).rejects.toMatchObject({ code: 'platform_untrusted', advice: 'stop' })
    expect(seen.length).toBe(before)
  })

  test('is given up before it is open, be it that the broker never answers', async () => {
    await expect(open({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'canceled' })
    // Takes connections, and says nothing.
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const reached = once(silent, 'connection')
    const gaveUp = new AbortController()
    const opening = open({ url: `127.0.0.1:${(silent.address() as AddressInfo).port}`, signal: gaveUp.signal })
    await reached
    gaveUp.abort()
    await expect(opening).rejects.toMatchObject({ code: 'canceled' })
    silent.close()
  })
})

describe('a call', () => {
  test('is given up at once when its signal aborts, and the connection goes on', async () => {
    await using connection = await open()
    const api = connection.as({ token: 'alice' })
    const gaveUp = new AbortController()
    const watched = once(calls, 'watch_task')
    const watching = api.watch_task({ task_id }, { signal: gaveUp.signal })
    await watched
    gaveUp.abort()
    await expect(watching).rejects.toMatchObject({ code: 'canceled' })
    await expect(api.get_task({ task_id }, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'canceled' })
    await expect(connection.login('alice', 'secret', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'canceled',
    })
    expect(await api.get_task({ task_id })).toMatchObject({ version: 3 })
  })

  test('is refused with a code that the compiler knows, an advice, a field and the next step', async () => {
    await using connection = await open()
    const error: unknown = await connection
      .as({ token: 'alice' })
      .approve_task({ task_id, terms_digest })
      .catch((thrown: unknown) => thrown)
    expect(isRefusal(error)).toBe(true)
    expect(isRefusal(error, 'conflict', 'not_ready')).toBe(false)
    if (!isRefusal(error, 'stale_terms', 'conflict')) throw new Error('it was refused with another code')
    expectTypeOf(error.code).toEqualTypeOf<'stale_terms' | 'conflict'>()
    expect(error).toMatchObject({ code: 'stale_terms', advice: 'fix', hint: 'look again', field: 'digest' })
    const other: unknown = new Error('a defect')
    expect(isRefusal(other)).toBe(false)
    if (isRefusal(other)) expectTypeOf(other.code).toEqualTypeOf<RefusalCode>()
  })
})
