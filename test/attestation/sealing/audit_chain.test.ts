import { describe, expect, test } from 'vitest'
import { AuditChain } from '../../../attestation/sealing/audit_chain.ts'
import type { AuditPage, AuditRecord } from '../../../messages/index.ts'
import { pack, unpack } from '../../../messages/index.ts'

const chain = new AuditChain(Buffer.alloc(32, 1))
const record = (text: string): AuditRecord => ({
  at: 1,
  kind: 'call',
  user: 'ann',
  method: 'get_task',
  task: null,
  object: null,
  outcome: 'ok',
  text,
  count: 1,
})
const page = (change: Partial<AuditPage> = {}): AuditPage => ({
  writer: 'frontend-1',
  page: 0,
  first: 0,
  previous: chain.originOf('frontend-1'),
  records: [record('a'), record('b')],
  ...change,
})

describe('a page', () => {
  test('opens as what was sealed, and shows nothing of it outside', () => {
    const sealed = chain.sealPage(page({ records: [record('a secret name')] }))
    expect(chain.openPage(sealed).records).toEqual([record('a secret name')])
    expect(Buffer.from(sealed).includes('a secret name')).toBe(false)
  })

  test('does not open when a byte of it is another, whichever it is', () => {
    const sealed = Buffer.from(chain.sealPage(page()))
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(() => chain.openPage(changed), `byte ${at}`).toThrow(expect.objectContaining({ code: 'state_damaged' }))
    }
  })

  test('does not open under another key, as another page, or of another writer', () => {
    const sealed = chain.sealPage(page())
    const claim = unpack(sealed, 10_000) as unknown[]
    const refused = expect.objectContaining({ code: 'state_damaged' })
    expect(() => new AuditChain(Buffer.alloc(32, 2)).openPage(sealed)).toThrow(refused)
    expect(() => chain.openPage(pack(claim.with(1, 'frontend-2')))).toThrow(refused)
    expect(() => chain.openPage(pack(claim.with(2, 1)))).toThrow(refused)
    for (const other of [[], [1], claim.with(0, 2), 'page', claim.with(3, 'text')]) {
      expect(() => chain.openPage(pack(other))).toThrow(refused)
    }
  })
})

describe('the chain', () => {
  test('is another one after any other record, order or beginning', () => {
    const digests = [
      page(),
      page({ records: [record('b'), record('a')] }),
      page({ records: [record('a'), record('c')] }),
      page({ records: [record('a')] }),
      page({ previous: chain.originOf('frontend-2') }),
    ].map((each) => chain.headAfter(each).digest)
    expect(new Set(digests).size).toBe(digests.length)
  })

  test('counts pages and records', () => {
    expect(chain.headAfter(page({ page: 3, first: 10 }))).toMatchObject({ pages: 4, records: 12 })
  })

  test('is the same for a page that was sealed and opened', () => {
    const opened = chain.openPage(chain.sealPage(page()))
    expect(chain.headAfter(opened)).toEqual(chain.headAfter(page()))
  })
})
