/** Eve uses the plain door: without an envelope, without a passport, and with whatever JSON can say. */
import { headers } from '@nats-io/nats-core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DeskLog, deskService } from '../runtime/member/desk.ts'
import type { Scene } from './scene.ts'
import { openScene, SAY } from './scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = await openScene()
})
afterEach(() => scene[Symbol.asyncDispose]())

describe('where plain requests are taken', () => {
  test.each([
    ['inner', 'is for members'],
    ['once', 'takes envelopes only'],
    ['fail_later', 'takes envelopes only'],
  ])('%s, which %s, is not among them', async (method) => {
    const answer = await scene.eve.send(`tacit.desk.${method}`, '{}')
    expect(answer).toMatchObject({ code: 'malformed', text: expect.stringContaining('takes envelopes only') })
    await scene.expectUnharmed()
  })

  test.each(['enrol', 'get_nonce', 'revoke_member'])('the coordinator’s %s is not among them', async (method) => {
    expect((await scene.eve.send(`tacit.coordinator.${method}`, '{}')).code).toBe('malformed')
  })

  test.each(['invented', 'constructor', '__proto__', 'toString', 'hasOwnProperty'])('nor is %s', async (method) => {
    expect((await scene.eve.send(`tacit.desk.${method}`, '{}')).code).toBe('unknown_method')
    await scene.expectUnharmed()
  })

  test.each<[string, string, string | undefined]>([
    ['a field too many', '{"text":"x","extra":1}', 'extra'],
    ['a field of another type', '{"text":{"$ne":null}}', 'text'],
    ['bytes that are no base64', '{"text":"x","data":"%%"}', 'data'],
    ['too many bytes', JSON.stringify({ text: 'x', data: Buffer.alloc(65).toString('base64') }), 'data'],
    ['a prototype', '{"text":"x","__proto__":{"polluted":1}}', '__proto__'],
    ['a constructor', '{"text":"x","constructor":{"prototype":{"polluted":1}}}', 'constructor'],
    ['a list', '[{"text":"x"}]', undefined],
    ['null', 'null', undefined],
    ['a number', '7', undefined],
  ])('%s is refused, and the field is named', async (_what, body, field) => {
    const answer = await scene.eve.send(SAY, body)
    expect(answer.code).toBe('invalid_request')
    expect((JSON.parse(answer.text) as { field?: string }).field).toBe(field)
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
    await scene.expectUnharmed()
  })

  test('a request gives nobody a name: it is plain to the handler, whatever its headers say', async () => {
    const fields = headers()
    fields.set('Tacit-Sender', scene.asker.memberId)
    fields.set('Tacit-Code', 'ok')
    fields.set('Authorization', 'Bearer stolen')
    await scene.eve.connection.request(SAY, '{"text":"from Eve"}', { timeout: 5_000, headers: fields })
    const context = scene.log.contexts.at(-1)!
    expect(context.sender).toEqual({ role: 'client', id: 'plain' })
    expect(context.plain).toBe(true)
    expect(context.bearer).toBe('stolen')
  })

  test('a request has an id that no sealed request can have', async () => {
    const fields = headers()
    fields.set('Nats-Msg-Id', `../${scene.asker.memberId}/x`)
    await scene.eve.connection.request(SAY, '{"text":"from Eve"}', { timeout: 5_000, headers: fields })
    expect(scene.log.contexts.at(-1)!.requestId).toBe(`plain/../${scene.asker.memberId}/x`)
  })

  test('headers that are too long, or that hold anything at all, do no harm', async () => {
    for (const value of ['x'.repeat(129), 'x'.repeat(20_000), '\u0001\u0002', '%00', '💥']) {
      const fields = headers()
      fields.set('Nats-Msg-Id', value)
      fields.set('Authorization', `Bearer ${value}`)
      const answer = await scene.eve.connection.request(SAY, '{"text":""}', { timeout: 5_000, headers: fields })
      expect(answer.data.length).toBeGreaterThan(0)
    }
    await scene.expectUnharmed()
  })

  test('what fails tells nothing of why', async () => {
    const answer = await scene.eve.send('tacit.desk.fail', '{}')
    expect(answer.code).toBe('internal')
    expect(`${answer.text}${JSON.stringify(answer.headers)}`).not.toContain('secret')
    await scene.expectUnharmed()
  })
})

describe('where plain requests are not taken', () => {
  test('they are refused with the way out, and sealed ones go on', async () => {
    await using strict = await openScene()
    const log = new DeskLog()
    const member = await strict.platform.join('desk', () => deskService(log), { plainRequests: false })
    await strict.desk.drain()
    const answer = await strict.eve.send(SAY, '{"text":"plain"}')
    expect(answer.code).toBe('plain_not_accepted')
    expect(JSON.parse(answer.text)).toMatchObject({ hint: expect.stringContaining('SDK') })
    expect(answer.headers['Nats-Service-Error-Code']).toBe('426')
    await strict.honest.say({ text: 'sealed' })
    expect(log.seen).toEqual(['sealed'])
    expect(member.memberId).toMatch(/^desk-/)
  })

  test('the proof of the platform is given all the same, for nothing can be sealed before it', async () => {
    await using strict = await openScene()
    const nonce = Buffer.alloc(32).toString('base64')
    const answer = await strict.eve.send('tacit.coordinator.get_platform', JSON.stringify({ nonce }))
    expect(answer.code).toBeUndefined()
    const reply = JSON.parse(answer.text) as { groups: object[]; services: { name: string }[] }
    expect(reply.groups.length).toBeGreaterThan(0)
    for (const group of reply.groups) expect(group).not.toHaveProperty('private_key')
    expect(reply.services.map(({ name }) => name)).toContain('desk')
  })
})

test('a plain answer is not for an asker of envelopes: it is dropped', async () => {
  const { eve, honest, log } = scene
  const waiting = honest.wait({ name: 'w' })
  await log.until(1)
  const [request] = await eve.framesOn('tacit.desk.wait')
  eve.connection.publish(request!.reply!, '{"aborted":true}')
  await eve.connection.flush()
  log.waiting.get('w')!()
  expect(await waiting).toEqual({ aborted: false })
})
