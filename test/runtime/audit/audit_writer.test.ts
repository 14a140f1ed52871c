import { describe, expect, test } from 'vitest'
import { AuditChain } from '../../../attestation/index.ts'
import type { AuditHead, AuditRecord } from '../../../messages/index.ts'
import { Refusal, storage } from '../../../messages/index.ts'
import { readAuditHeads } from '../../../runtime/audit/audit_heads.ts'
import { auditKeyOf, AuditWriter, auditWordsOf, openAudit } from '../../../runtime/audit/audit_writer.ts'
import { ManualClock } from '../../../runtime/clock.ts'
import { silentLog } from '../../../runtime/log.ts'
import { MemoryRecordStream } from '../../../runtime/audit/memory_record_stream.ts'
import { MemoryStore } from '../../../runtime/store/memory_store.ts'
import { clientOf, fakeHost, storageHandlers } from '../../support/fake_host.ts'

const chain = new AuditChain(Buffer.alloc(32, 1))

function openWriter(stream = new MemoryRecordStream()) {
  const clock = new ManualClock()
  const heads: AuditHead[] = []
  const anchor = async (head: AuditHead) => void heads.push(head)
  const parts = { writer: 'frontend-1', stream, chain, anchor, clock, log: silentLog }
  const pages = () => stream.records.map(({ body }) => chain.openPage(body))
  return {
    writer: new AuditWriter(parts),
    stream,
    clock,
    heads,
    pages,
    records: () => pages().flatMap((page) => page.records),
  }
}

const call = (user: string | null, text = '') => ({
  kind: 'call' as const,
  user,
  method: 'get_task',
  outcome: 'ok',
  text,
})

/** Lets everything that is under way come to its next wait. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 50; turns += 1) await Promise.resolve()
}

describe('notes', () => {
  test('of one moment leave together, in order, and the next ones continue the chain', async () => {
    const { writer, clock, pages } = openWriter()
    for (const text of ['a', 'b']) writer.note(call('ann', text))
    clock.advance(20)
    await settled()
    writer.note(call('ann', 'c'))
    clock.advance(20)
    await settled()
    writer.note(call('ann', 'd'))
    clock.advance(20)
    await settled()
    expect(pages()).toHaveLength(3)
    const [first, second] = pages()
    expect(first?.records.map(({ text }) => text)).toEqual(['a', 'b'])
    expect(second).toMatchObject({ page: 1, first: 2 })
    expect(Buffer.from(second!.previous).toString('hex')).toBe(chain.headAfter(first!).digest)
  })

  test('about nobody are counted, as long as they are the same', async () => {
    const { writer, records } = openWriter()
    for (let count = 0; count < 1000; count += 1) writer.note(call(null))
    writer.note(call(null, 'other'))
    writer.note(call('ann'))
    writer.note(call('ann'))
    await writer.close()
    expect(records().map(({ user, count }) => [user, count])).toEqual([
      [null, 1000],
      [null, 1],
      ['ann', 1],
      ['ann', 1],
    ])
  })

  test('about nobody that come again and again are a record at once and one more a minute', async () => {
    const { writer, clock, records } = openWriter()
    const secondsOf = (record: AuditRecord | undefined) => ((record?.at ?? 0) - startedAtMs) / 1000
    const startedAtMs = clock.now()
    for (let second = 0; second < 130; second += 1) {
      writer.note(call(null))
      clock.advance(1000)
      await settled()
    }
    expect(records().map((record) => [secondsOf(record), record.count])).toEqual([
      [0, 1],
      [1, 59],
      [60, 60],
    ])
    await writer.close()
    expect(records().reduce((sum, { count }) => sum + count, 0)).toBe(130)
  })

  test('are cut where they are too long', async () => {
    const { writer, records } = openWriter()
    writer.note(call('ann', 'x'.repeat(1000)))
    await writer.close()
    expect(records()[0]?.text).toHaveLength(300)
  })

  test('wait while the stream does not answer, and are all there afterwards, each once', async () => {
    const stream = new MemoryRecordStream()
    const append = stream.append.bind(stream)
    let answers = 0
    // The first answer is lost although the page is kept; then there is silence.
    stream.append = async (id, body) => {
      answers += 1
      if (answers === 1) await append(id, body)
      if (answers < 4) throw new Refusal('unavailable', 'silence')
      await append(id, body)
    }
    const { writer, clock, records } = openWriter(stream)
    for (let count = 0; count < 500; count += 1) writer.note(call('ann', `${count}`))
    clock.advance(20)
    for (let tries = 0; tries < 5; tries += 1) {
      await settled()
      clock.advance(250)
    }
    await settled()
    expect(records().map(({ text }) => text)).toEqual(Array.from({ length: 500 }, (_, count) => `${count}`))
  })
})

describe('a log that takes no more', () => {
  test('lets no call begin, and says how many records found no room', async () => {
    const stream = new MemoryRecordStream(0)
    const { writer, clock, records } = openWriter(stream)
    writer.admit()
    for (let count = 0; count < 12_005; count += 1) writer.note(call('ann'))
    expect(() => writer.admit()).toThrow(expect.objectContaining({ code: 'overloaded' }))
    clock.advance(20)
    await settled()
    const roomy = new MemoryRecordStream()
    stream.append = (id, body) => roomy.append(id, body)
    stream.records = roomy.records
    clock.advance(250)
    for (let turns = 0; turns < 100; turns += 1) await settled()
    writer.admit()
    expect(records().slice(-1)).toMatchObject([{ kind: 'gap', outcome: 'lost', count: 5 }])
    expect(records()).toHaveLength(12_001)
  })

  test('is given up by a member that stops, after a while', async () => {
    const { writer, clock } = openWriter(new MemoryRecordStream(0))
    writer.note(call('ann'))
    const closed = writer.close()
    for (let tries = 0; tries < 20; tries += 1) {
      await settled()
      clock.advance(250)
    }
    await closed
  })
})

describe('the end of the chain', () => {
  test('is kept elsewhere every two seconds, and when the member stops', async () => {
    const { writer, clock, heads, pages } = openWriter()
    writer.note(call('ann'))
    clock.advance(20)
    await settled()
    writer.note(call('ann'))
    clock.advance(20)
    await settled()
    expect(heads.map(({ pages: count }) => count)).toEqual([1])
    clock.advance(2_000)
    await settled()
    expect(heads.map(({ pages: count }) => count)).toEqual([1, 2])
    writer.note(call('ann'))
    await writer.close()
    expect(heads.at(-1)).toEqual(chain.headAfter(pages().at(-1)!))
  })
})

describe('opening the log', () => {
  const note = { kind: 'call', user: 'ann', method: 'get_task', outcome: 'ok' } as const

  function openHost() {
    const auditStream = new MemoryRecordStream()
    const client = clientOf(storage, storageHandlers(new MemoryStore()))
    return { auditStream, client, host: fakeHost({ clients: { storage: client }, auditStream }) }
  }

  test("a member's pages are its own, and the end of its chain is in storage", async () => {
    const { auditStream, client, host } = openHost()
    const chain = new AuditChain(auditKeyOf(host))
    const audit = openAudit(host, chain)
    audit.note(note)
    await audit.close()
    const pages = auditStream.records.map(({ body }) => chain.openPage(body))
    expect(pages).toMatchObject([{ writer: host.memberId, page: 0, records: [note] }])
    expect(await readAuditHeads(client)).toEqual(new Map([[host.memberId, chain.headAfter(pages[0]!)]]))
  })

  test('whoever has no business with storage has the end kept by another', async () => {
    const { client, host } = openHost()
    const heads: AuditHead[] = []
    const audit = openAudit(host, new AuditChain(auditKeyOf(host)), { anchor: async (head) => void heads.push(head) })
    audit.note(note)
    await audit.close()
    expect([heads.length, (await readAuditHeads(client)).size]).toEqual([1, 0])
  })

  test('a role without the key writes nothing', () => {
    const { host } = openHost()
    expect(() => auditKeyOf({ ...host, secrets: {} })).toThrow(/audit key/)
  })
})

describe('what the log says of a refusal', () => {
  test('words that are made of ids and rules are kept, with the next step', () => {
    const refusal = new Refusal('forbidden', 'a DataOwner may not', { hint: 'ask an admin', field: 'role' })
    expect(auditWordsOf(refusal)).toBe('a DataOwner may not; ask an admin; field role')
  })

  test('of words that may quote somebody only the field is kept', () => {
    expect(auditWordsOf(new Refusal('function_failed', 'line 3 is private', { hint: 'see line 3' }))).toBe('')
    expect(auditWordsOf(new Refusal('invalid_request', 'password: hunter2 is short', { field: 'password' }))).toBe(
      'field password',
    )
  })
})
