import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Refusal, workerGroup } from '../../../messages/index.ts'
import { connectBroker, openPassportBucket } from '../../../runtime/index.ts'
import { askerService, echo, echoService } from '../../support/echo.ts'
import type { TestPlatform } from '../../support/platform.ts'
import { measurementOf, startPlatform } from '../../support/platform.ts'
import { desk, DeskLog, deskService } from './desk.ts'

describe('members of a platform', () => {
  let platform: TestPlatform
  beforeAll(async () => {
    platform = await startPlatform({ roles: ['echo', 'desk', 'asker', 'stranger', 'execution'] })
  })
  afterAll(() => platform.stop())

  test('an admitted member asks a group and gets the answer', async () => {
    await platform.join('echo', () => echoService())
    const asker = await platform.join('asker', askerService)
    const reply = await asker.host.client(echo).echo({ text: 'hello' })
    expect(reply.text).toBe('hello')
    expect(reply.from).toBe(asker.memberId)
  })

  test('a member is named by its role, and shows what was attested about it', async () => {
    const member = await platform.join('desk', () => deskService())
    expect(member.memberId).toMatch(/^desk-[0-9a-f]{12}$/)
    expect(member.measurement).toBe(measurementOf('desk'))
    const operator = await connectBroker({ url: platform.broker.url, name: 'operator' })
    const info = await operator.request(`$SRV.INFO.desk.${member.memberId}`)
    expect(info.json()).toMatchObject({
      name: 'desk',
      id: member.memberId,
      metadata: {
        measurement: measurementOf('desk'),
        platform: 'simulated',
        passport: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    })
    const stats = await operator.request(`$SRV.STATS.desk.${member.memberId}`)
    expect(stats.json<{ endpoints: { data: object }[] }>().endpoints[0]!.data).toEqual({
      handling: 0,
      waiting: 0,
      peers: expect.any(Number),
      frames_remembered: expect.any(Number),
      signatures_awaited: 0,
    })
    await operator.close()
    await member.drain()
  })

  test('one member of a group can be asked by its name', async () => {
    const logs = [new DeskLog(), new DeskLog()]
    const [one, two] = [
      await platform.join('desk', () => deskService(logs[0])),
      await platform.join('desk', () => deskService(logs[1])),
    ]
    const asker = await platform.join('asker', askerService)
    await asker.host.clientOf(desk, two.memberId).say({ text: 'to two' })
    await asker.host.clientOf(desk, one.memberId).say({ text: 'to one' })
    expect(logs.map(({ seen }) => seen)).toEqual([['to one'], ['to two']])
    await expect(
      asker.host.clientOf(desk, asker.memberId).say({ text: 'x' }, { timeoutMs: 300 }),
    ).rejects.toMatchObject({
      code: 'not_admitted',
    })
  })

  test('secrets come with the role: none for these', async () => {
    const { host } = await platform.join('asker', askerService)
    expect(host.secrets).toEqual({})
    expect(host.stopping.aborted).toBe(false)
  })

  describe('posts', () => {
    const SUBJECT = 'tacit.tasks.wasm.standard.high'
    const body = { task_id: 'task-1', attempt: 1 }
    const join = () => platform.join('execution', askerService, { settings: { worker_class: 'standard', slots: 2 } })

    test('are opened by every worker of the class, however often they come, and name their sealer', async () => {
      const { host } = await platform.join('asker', askerService)
      const post = host.sealTo(workerGroup('standard'), SUBJECT, body)
      const workers = [await join(), await join()]
      for (const worker of [...workers, workers[0]!]) {
        expect(await worker.host.openFrom(SUBJECT, post)).toEqual({ role: 'asker', body })
      }
    })

    test('are not opened on another subject, by another class, or by another role', async () => {
      const { host } = await platform.join('asker', askerService)
      const post = host.sealTo(workerGroup('standard'), SUBJECT, body)
      await expect((await join()).host.openFrom('tacit.tasks.wasm.standard.low', post)).rejects.toMatchObject({
        code: 'misaddressed',
      })
      const special = await platform.join('execution', askerService, { settings: { worker_class: 'special' } })
      await expect(special.host.openFrom(SUBJECT, post)).rejects.toMatchObject({ code: 'stale_epoch' })
      await expect(host.openFrom(SUBJECT, post)).rejects.toMatchObject({ code: 'stale_epoch' })
    })

    test('are not made of letters, nor letters of posts', async () => {
      const worker = await join()
      await expect(worker.host.openFrom(SUBJECT, Buffer.from('noise'))).rejects.toMatchObject({ code: 'malformed' })
    })

    test('a worker shows its class and its slots', async () => {
      const worker = await join()
      const operator = await connectBroker({ url: platform.broker.url, name: 'operator' })
      const ping = await operator.request(`$SRV.PING.asker.${worker.memberId}`)
      expect(ping.json()).toMatchObject({ metadata: { class: 'standard', slots: '2' } })
      await operator.close()
    })
  })

  test('a member that cannot come up leaves nothing open', async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
    const before = sockets()
    await expect(platform.join('desk', () => deskService(), { measurement: 'ab'.repeat(32) })).rejects.toMatchObject({
      code: 'platform_untrusted',
    })
    await expect(
      platform.join('desk', () => {
        throw new Refusal('state_damaged', 'the service cannot start')
      }),
    ).rejects.toMatchObject({ code: 'state_damaged' })
    // The system closes them in turns of its own.
    while (sockets() > before) await new Promise((resolve) => setImmediate(resolve))
  })

  test('a member leaves once, however often it is told', async () => {
    const member = await platform.join('desk', () => deskService())
    await Promise.all([member.drain(), member.drain()])
    await member.drain()
    expect(member.host.stopping.aborted).toBe(true)
  })

  test('a member that leaves finishes what it has, and its service is closed after the last answer', async () => {
    const log = new DeskLog()
    const order: string[] = []
    const leaving = await platform.join('desk', () => ({
      ...deskService(log),
      close: async () => void order.push('closed'),
    }))
    const asker = await platform.join('asker', askerService)
    const answer = asker.host
      .clientOf(desk, leaving.memberId)
      .wait({ name: 'w' })
      .then(() => order.push('answered'))
    await log.until(1)
    const drained = leaving.drain()
    log.waiting.get('w')!()
    await Promise.all([answer, drained])
    expect(order.toSorted()).toEqual(['answered', 'closed'])
  })
})

test('passports are renewed while letters flow, and the old ones end', async () => {
  await using platform = await startPlatform({ roles: ['desk', 'asker'], passportMs: 1_000 })
  const log = new DeskLog()
  const member = await platform.join('desk', () => deskService(log))
  const asker = await platform.join('asker', askerService)
  const operator = await connectBroker({ url: platform.broker.url, name: 'operator' })
  const bucket = openPassportBucket(operator, false)
  const first = await bucket.byMember(member.memberId)
  const passports = new Set<string>()
  while (passports.size < 4) {
    expect((await asker.host.client(desk).say({ text: 'x' })).text).toBe('x')
    passports.add((await bucket.byMember(member.memberId))!)
  }
  expect([...passports][0]).toBe(first)
  await operator.close()
})

test('the platform goes on when the broker was away', async () => {
  await using platform = await startPlatform({ roles: ['desk', 'asker'] })
  const log = new DeskLog()
  await platform.join('desk', () => deskService(log))
  const asker = await platform.join('asker', askerService)
  await asker.host.client(desk).say({ text: 'before' })
  await platform.broker.kill()
  const during = asker.host.client(desk).say({ text: 'during' }, { timeoutMs: 20_000, attemptMs: 500 })
  await platform.broker.restart()
  expect((await during).text).toBe('during')
  expect((await asker.host.client(desk).say({ text: 'after' })).text).toBe('after')
  await platform.join('asker', askerService)
})

test('a broker that is not there is said so', async () => {
  await using platform = await startPlatform({ roles: ['desk'] })
  await platform.broker.kill()
  await expect(platform.join('desk', () => deskService())).rejects.toMatchObject({ code: 'no_broker' })
  await platform.broker.restart()
})
