/** Plain requests through the whole door, on a real broker; what each may say is in plain_request.test.ts. */
import type { Msg } from '@nats-io/nats-core'
import { headers } from '@nats-io/nats-core'
import { describe, expect, test } from 'vitest'
import type { Office } from './open_desk.ts'
import { officeForEachTest } from './open_desk.ts'

let office: Office
officeForEachTest((opened) => {
  office = opened
})

describe('plain requests', () => {
  const json = (message: Msg) => message.json<Record<string, unknown>>()

  test('are answered as JSON', async () => {
    await office.openDesk()
    const asker = await office.openAsker()
    const answer = await asker.connection.request('tacit.desk.say', '{"text":"ä","data":"AQI="}')
    expect(json(answer)).toMatchObject({ text: 'ä', data: 'AQI=', from: 'plain' })
  })

  test('are refused with the headers of the service protocol and a JSON body', async () => {
    await office.openDesk()
    const asker = await office.openAsker()
    const answer = await asker.connection.request('tacit.desk.refuse', '{"text":"not this"}')
    expect(json(answer)).toEqual({
      code: 'forbidden',
      message: 'not this',
      hint: 'ask for something else',
      field: 'text',
    })
    expect(answer.headers?.get('Tacit-Code')).toBe('forbidden')
    expect(answer.headers?.get('Nats-Service-Error')).toBe('not this')
    expect(answer.headers?.get('Nats-Service-Error-Code')).toBe('403')
  })

  test('whose refusal quotes line breaks are refused on one line all the same', async () => {
    await office.openDesk()
    const asker = await office.openAsker()
    const quoted = await asker.connection.request(
      'tacit.desk.refuse',
      JSON.stringify({ text: 'one\r\nTacit-Code: ok\0\ntwo' }),
    )
    expect(json(quoted)).toMatchObject({ code: 'forbidden', message: 'one\r\nTacit-Code: ok\0\ntwo' })
    expect(quoted.headers?.get('Nats-Service-Error')).toBe('one  Tacit-Code: ok  two')
    const field = await asker.connection.request('tacit.desk.say', '{"text":"x","a\\r\\nb":1}')
    expect(json(field)).toMatchObject({ code: 'invalid_request', field: 'a\r\nb' })
  })

  test('may be refused as a whole', async () => {
    const { log } = await office.openDesk({ plainRequests: false })
    const asker = await office.openAsker()
    expect(json(await asker.connection.request('tacit.desk.say', '{"text":"x"}'))).toMatchObject({
      code: 'plain_not_accepted',
    })
    expect(log.seen).toEqual([])
    await asker.desk.say({ text: 'sealed' })
  })

  test('bring a bearer token, and the id that makes them the same again', async () => {
    const { log } = await office.openDesk()
    const asker = await office.openAsker()
    const withHeaders = headers()
    withHeaders.set('Authorization', 'Bearer a.b.c')
    withHeaders.set('Nats-Msg-Id', 'm1')
    for (let i = 0; i < 2; i += 1)
      await asker.connection.request('tacit.desk.say', '{"text":"x"}', { timeout: 5000, headers: withHeaders })
    expect(log.contexts.map(({ requestId, bearer, plain }) => [requestId, bearer, plain])).toEqual([
      ['plain/m1', 'a.b.c', true],
      ['plain/m1', 'a.b.c', true],
    ])
  })

  test('that fail, or cannot be answered in one message, say so', async () => {
    await office.openDesk()
    const asker = await office.openAsker()
    expect(json(await asker.connection.request('tacit.desk.fail', '{}'))).toMatchObject({ code: 'internal' })
    expect(json(await asker.connection.request('tacit.desk.swell', '{"length":950000}'))).toMatchObject({
      code: 'too_large',
    })
  })
})
