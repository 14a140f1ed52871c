import type { Msg } from '@nats-io/nats-core'
import { headers } from '@nats-io/nats-core'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { RefusalCode } from '../../../messages/index.ts'
import { encodeReply, parseFrame, parseRequest } from '../../../messages/index.ts'
import { toMember } from '../../../runtime/index.ts'
import { desk } from '../member/desk.ts'
import type { OpenAsker, OpenDesk, Person } from '../member/open_desk.ts'
import type { Office } from '../member/open_desk.ts'
import { officeForEachTest } from '../member/open_desk.ts'

let office: Office
officeForEachTest((opened) => {
  office = opened
})

/** Sits where the desk should, sees each request, and does with it what the test says. */
async function sitInFor(
  person: Person,
  method: string,
  act: (message: Msg, count: number) => void,
): Promise<{ count: () => number }> {
  let count = 0
  person.connection.subscribe(`tacit.desk.${method}`, {
    queue: 'desk',
    callback: (_error, message) => act(message, (count += 1)),
  })
  await person.connection.flush()
  return { count: () => count }
}

/** An answer outside of any envelope, as anybody at the broker can make it. */
function refuseUnsigned(message: Msg, code: string): void {
  const fields = headers()
  fields.set('Tacit-Code', code)
  fields.set('Nats-Service-Error', 'says somebody')
  message.respond('{}', { headers: fields })
}

/** Opens a request as the desk would, and answers it as `person`. */
async function answerAs(person: Person, message: Msg, text: string): Promise<void> {
  const { peer, letters } = await person.channel.open(message.subject, message.data, () => {})
  const replies = letters.map((bytes) =>
    encodeReply(parseRequest(bytes).number, { text, request_id: 'r', from: person.identity.id }),
  )
  const subject = message.reply!
  const { bytes } = person.channel.sealToPeer({ kind: 'reply', peer, subject, letters: replies })
  person.connection.publish(subject, bytes)
}

describe('an answer', () => {
  test('is believed from a member of the group that was asked, whoever else answers first', async () => {
    const [honest, liar] = [await office.person('desk'), await office.person('asker')]
    const asker = await office.openAsker()
    await sitInFor(honest, 'say', (message) => {
      void answerStolen(message).then(() => answerAs(honest, message, 'true'))
    })
    // The liar has a passport, and got hold of the group's key: it can read the request, but not answer for the group.
    liar.keyRing.update([office.key.privateKey], [office.key.publicKey])
    const answerStolen = (message: Msg) => answerAs(liar, message, 'false')
    expect((await asker.desk.say({ text: 'x' })).text).toBe('true')
  })

  test('is not believed from a client', async () => {
    const [honest, liar] = [await office.person('desk'), await office.person('client')]
    const asker = await office.openAsker()
    liar.keyRing.update([office.key.privateKey], [office.key.publicKey])
    await sitInFor(honest, 'say', (message) => {
      void answerAs(liar, message, 'false').then(() => answerAs(honest, message, 'true'))
    })
    expect((await asker.desk.say({ text: 'x' })).text).toBe('true')
  })

  test('is taken once: a second one, a replayed one and one to an older request change nothing', async () => {
    const honest = await office.person('desk')
    const asker = await office.openAsker()
    const sent: Msg[] = []
    await sitInFor(honest, 'say', (message) => {
      sent.push(message)
      void answerAs(honest, message, `answer ${sent.length}`)
    })
    expect((await asker.desk.say({ text: 'x' })).text).toBe('answer 1')
    // Its frame was opened once; another member would answer it a second time.
    const second = await office.person('desk')
    await answerAs(second, sent[0]!, 'again')
    expect((await asker.desk.say({ text: 'y' })).text).toBe('answer 2')
  })

  test('of another form than the protocol says is a defect of the other side', async () => {
    const honest = await office.person('desk')
    const asker = await office.openAsker()
    await sitInFor(honest, 'inner', (message) => void answerAs(honest, message, 'too much'))
    await expect(asker.desk.inner({})).rejects.toMatchObject({ code: 'internal' })
  })
})

describe('an unsigned refusal', () => {
  test.each<RefusalCode>(['overloaded', 'unavailable', 'stale_epoch', 'expired', 'internal'])(
    'with %s has a repeatable request sent again',
    async (code) => {
      const honest = await office.person('desk')
      const asker = await office.openAsker()
      const seat = await sitInFor(honest, 'say', (message, count) => {
        if (count === 1) refuseUnsigned(message, code)
        else void answerAs(honest, message, 'at last')
      })
      expect((await asker.desk.say({ text: 'x' })).text).toBe('at last')
      expect(seat.count()).toBe(2)
      expect(asker.staleKeys()).toBe(code === 'stale_epoch' ? 1 : 0)
    },
  )

  test.each<RefusalCode>(['unknown_version', 'malformed', 'not_admitted', 'misaddressed'])(
    'with %s is the end of the request',
    async (code) => {
      const person = await office.person('desk')
      const asker = await office.openAsker()
      await sitInFor(person, 'say', (message) => refuseUnsigned(message, code))
      await expect(asker.desk.say({ text: 'x' })).rejects.toMatchObject({ code, message: 'says somebody' })
    },
  )

  test.each(['revoked', 'platform_untrusted', 'forbidden', 'task_ended', 'nonsense'])(
    'with %s, which no door says, is worth no more than silence',
    async (code) => {
      const honest = await office.person('desk')
      const asker = await office.openAsker()
      await sitInFor(honest, 'say', (message, count) => {
        if (count === 1) refuseUnsigned(message, code)
        else void answerAs(honest, message, 'at last')
      })
      expect((await asker.desk.say({ text: 'x' })).text).toBe('at last')
    },
  )

  test('does not have an unrepeatable request sent again', async () => {
    const person = await office.person('desk')
    const asker = await office.openAsker()
    const seat = await sitInFor(person, 'once', (message) => refuseUnsigned(message, 'overloaded'))
    await expect(asker.desk.once({})).rejects.toMatchObject({ code: 'overloaded' })
    expect(seat.count()).toBe(1)
  })

  test('with replayed says that somebody else sent our frame again; the answer still comes', async () => {
    const honest = await office.person('desk')
    const asker = await office.openAsker()
    const seat = await sitInFor(honest, 'once', (message) => {
      refuseUnsigned(message, 'replayed')
      void honest.channel.open(message.subject, message.data, () => {})
      void nextTurn().then(async () => {
        const second = await office.person('desk')
        const { peer, letters } = await second.channel.open(message.subject, message.data, () => {})
        const reply = encodeReply(parseRequest(letters[0]!).number, {})
        const subject = message.reply!
        const { bytes } = second.channel.sealToPeer({ kind: 'reply', peer, subject, letters: [reply] })
        second.connection.publish(subject, bytes)
      })
    })
    expect(await asker.desk.once({})).toEqual({})
    expect(seat.count()).toBe(1)
  })

  test('cannot be sent by whoever only knows the name of the inbox', async () => {
    const { log } = await office.openDesk()
    const asker = await office.openAsker()
    const waiting = asker.desk.wait({ name: 'w' })
    await log.until(1)
    const stranger = await office.person('client')
    const fields = headers()
    fields.set('Tacit-Code', 'not_admitted')
    for (let counter = 0; counter < 10; counter += 1) {
      const inbox = `tacit.inbox.client.${asker.identity.id.slice(0, 16)}`
      for (const subject of [`${inbox}.${counter}`, `${inbox}.x.${counter}`]) {
        stranger.connection.publish(subject, '{}', { headers: fields })
      }
    }
    await stranger.connection.flush()
    await asker.connection.flush()
    log.waiting.get('w')!()
    expect(await waiting).toEqual({ aborted: false })
  })
})

describe('when nobody answers', () => {
  test('a request to nobody is unavailable, at once where it may not be repeated', async () => {
    const asker = await office.openAsker()
    const error = { code: 'unavailable', message: 'nobody answers for this service' }
    await expect(asker.desk.once({})).rejects.toMatchObject(error)
    await expect(asker.desk.say({ text: 'x' }, { timeoutMs: 200 })).rejects.toMatchObject(error)
  })

  test('a request waits for a service that is only just starting', async () => {
    const asker = await office.openAsker()
    const answer = asker.desk.say({ text: 'early' })
    await nextTurn()
    await office.openDesk()
    expect((await answer).text).toBe('early')
  })

  test('silence is heard of at the deadline, and an unrepeatable request was sent once', async () => {
    const person = await office.person('desk')
    const asker = await office.openAsker()
    const seat = await sitInFor(person, 'once', () => {})
    await expect(asker.desk.once({}, { timeoutMs: 300, attemptMs: 50 })).rejects.toMatchObject({
      code: 'deadline_exceeded',
    })
    expect(seat.count()).toBe(1)
  })

  test('a member that is killed costs its callers one retry, and no error', async () => {
    const desks: OpenDesk[] = [await office.openDesk(), await office.openDesk()]
    const asker = await office.openAsker()
    const answers = Array.from({ length: 20 }, (_, i) => asker.desk.wait({ name: `w${i}` }, { attemptMs: 200 }))
    await Promise.race(desks.map(({ log }) => log.until(1)))
    const killed = desks.find(({ log }) => log.seen.length > 0)!
    const survivor = desks.find((one) => one !== killed)!
    await killed.connection.close()
    await survivor.log.until(20)
    for (const end of survivor.log.waiting.values()) end()
    expect(await Promise.all(answers)).toHaveLength(20)
  })

  test('requests that were given up hold back nothing that comes after them', async () => {
    const person = await office.person('desk')
    const asker = await office.openAsker()
    const seat = await sitInFor(person, 'once', () => {})
    const given = Array.from({ length: 4 }, async () => {
      await asker.desk.once({}, { timeoutMs: 60 }).catch(() => {})
    })
    await Promise.all(given)
    const signal = AbortSignal.abort()
    await expect(asker.desk.once({}, { signal })).rejects.toMatchObject({ code: 'canceled' })
    // Two frames were under way and never answered; the next must not wait behind them.
    void asker.desk.once({}, { timeoutMs: 5_000 }).catch(() => {})
    const before = seat.count()
    await nextTurn()
    await nextTurn()
    await asker.connection.flush()
    await person.connection.flush()
    expect(seat.count()).toBe(before + 1)
  })
})

describe('a caller that gives up', () => {
  test('hears of it at once, and what was not sent yet is not sent', async () => {
    const person = await office.person('desk')
    const asker = await office.openAsker()
    const seat = await sitInFor(person, 'say', () => {})
    const controller = new AbortController()
    const answer = asker.desk.say({ text: 'x' }, { signal: controller.signal })
    controller.abort()
    await expect(answer).rejects.toMatchObject({ code: 'canceled' })
    await nextTurn()
    await nextTurn()
    await asker.connection.flush()
    await person.connection.flush()
    expect(seat.count()).toBe(0)
  })
})

describe('one member', () => {
  const clientOf = (asker: OpenAsker, member: string) => asker.asker.client(desk, () => toMember('desk', member))

  test('is asked by its name, and no other answers for it', async () => {
    const [one, two] = [await office.openDesk(), await office.openDesk()]
    const asker = await office.openAsker('asker')
    await clientOf(asker, one.identity.id).say({ text: 'to one' })
    await clientOf(asker, two.identity.id).say({ text: 'to two' })
    expect([one.log.seen, two.log.seen]).toEqual([['to one'], ['to two']])
  })

  test('that nobody knows is unavailable', async () => {
    const asker = await office.openAsker('asker')
    await expect(clientOf(asker, 'desk-99').say({ text: 'x' }, { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'unavailable',
    })
  })
})

describe('headers', () => {
  test('show the sender, the number of letters, and the task of a single letter, where it is one', async () => {
    const person = await office.person('desk')
    const asker = await office.openAsker()
    const seen: Record<string, string | undefined>[] = []
    await sitInFor(person, 'say', ({ headers: fields, data }) => {
      const get = (name: string) => (fields?.has(name) === true ? fields.get(name) : undefined)
      seen.push({ sender: get('Tacit-Sender'), letters: get('Tacit-Letters'), task: get('Tacit-Task') })
      expect(parseFrame(data).header.kind).toBe('request')
    })
    const task = 'task-00000000-0000-4000-8000-000000000000'
    const ask = (body: object) => void asker.desk.say(body as { text: string }, { timeoutMs: 3_000 }).catch(() => {})
    for (const body of [{ task_id: task }, { request: { task_id: task } }, { task_id: 'x\r\nTacit-Code: ok' }]) {
      ask(body)
      await nextTurn()
      await nextTurn()
    }
    while (seen.length < 3) await person.connection.flush()
    const { id } = asker.identity
    expect(seen).toEqual([
      { sender: id, letters: '1', task },
      { sender: id, letters: '1', task },
      { sender: id, letters: '1', task: undefined },
    ])
  })
})

test('a closed connection ends what is under way, and takes nothing new', async () => {
  const { log } = await office.openDesk()
  const asker = await office.openAsker()
  const waiting = asker.desk.wait({ name: 'w' })
  await log.until(1)
  asker.asker.close()
  await expect(waiting).rejects.toMatchObject({ code: 'unavailable' })
  await expect(asker.desk.say({ text: 'x' })).rejects.toMatchObject({ code: 'unavailable' })
})
