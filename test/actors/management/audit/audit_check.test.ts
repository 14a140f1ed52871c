/** Every way in which a log can be another one than was written, found in one that a real writer wrote. */
import { describe, expect, it } from 'vitest'
import { AuditCheck } from '../../../../actors/management/audit/audit_check.ts'
import { AuditChain } from '../../../../attestation/index.ts'
import type { AuditFinding, AuditHead } from '../../../../messages/index.ts'

const chain = new AuditChain(Buffer.alloc(32, 1))
const record = {
  kind: 'call' as const,
  user: 'ann',
  method: 'get_task',
  task: null,
  object: null,
  outcome: 'ok',
  count: 1,
}

/** The pages of a writer, two records each, and where its chain ends. */
function writeChain(writer: string, count: number): { pages: Uint8Array[]; head: AuditHead } {
  let head: AuditHead = { pages: 0, records: 0, digest: chain.originOf(writer).toString('hex') }
  const pages = Array.from({ length: count }, (_, page) => {
    const records = [1, 2].map((at) => ({ ...record, at, text: `${page}` }))
    const written = { writer, page, first: head.records, previous: Buffer.from(head.digest, 'hex'), records }
    head = chain.headAfter(written)
    return chain.sealPage(written)
  })
  return { pages, head }
}

function check(pages: readonly Uint8Array[], anchors: Record<string, AuditHead> = {}) {
  const audit = new AuditCheck(chain, new Map(Object.entries(anchors)))
  for (const page of pages) audit.take(page)
  return audit.finish()
}
const problems = (findings: readonly AuditFinding[]) => findings.map(({ problem }) => problem).join('; ')

const one = writeChain('m-1', 6)
const two = writeChain('f-1', 3)
const [a, b, c, d, e, f] = one.pages as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array]
const anchors = { 'm-1': one.head, 'f-1': two.head }

describe('a log as it was written', () => {
  it('is whole, however its writers were interleaved', () => {
    const mixed = [a, two.pages[0]!, b, c, two.pages[1]!, d, e, two.pages[2]!, f]
    expect(check(mixed, anchors)).toEqual({ writers: 2, records: 18, findings: [] })
  })

  it('may be longer than what was kept of its end, and may have a page twice that was sent twice', () => {
    expect(check([a, b, b, c, d, a, e, f], { 'm-1': chain.headAfter(chain.openPage(c)) }).findings).toEqual([])
  })

  it('is whole when nothing was written', () => {
    expect(check([])).toEqual({ writers: 0, records: 0, findings: [] })
  })
})

describe('another log', () => {
  it.each([
    ['without a page', [a, b, d, e, f], 'were removed'],
    ['without its first page', [b, c, d, e, f], 'were removed'],
    ['with two pages changed over', [a, c, b, d, e, f], 'behind pages that came after'],
    ['without its last page', [a, b, c, d, e], 'the end was removed'],
    ['without any page', [], 'the end was removed'],
  ])('%s is found', (_what, pages, problem) => {
    expect(problems(check(pages, { 'm-1': one.head }).findings)).toContain(problem)
  })

  it('with a changed page is found, whichever it is', () => {
    for (const at of one.pages.keys()) {
      const pages = one.pages.map((page) => Buffer.from(page))
      const changed = pages[at]!
      changed[changed.length - 1]! ^= 1
      expect(problems(check(pages, { 'm-1': one.head }).findings)).toMatch(/changed/)
    }
  })

  it('of which a writer vanished is found', () => {
    expect(check(one.pages, anchors).findings).toMatchObject([{ writer: 'f-1' }])
  })

  it('that somebody with the key wrote anew is found by the end that was kept', () => {
    const other = { ...record, at: 1, text: 'nothing happened' }
    const origin = chain.originOf('m-1')
    const forged = chain.sealPage({ writer: 'm-1', page: 0, first: 0, previous: origin, records: [other] })
    expect(problems(check([forged], { 'm-1': chain.headAfter(chain.openPage(a)) }).findings)).toContain(
      'ends otherwise',
    )
    expect(problems(check([forged, b]).findings)).toContain('does not continue')
    expect(problems(check([a, forged, b], { 'm-1': chain.headAfter(chain.openPage(b)) }).findings)).toContain('twice')
  })

  it('with pages that are not ours is found', () => {
    const strange = new AuditChain(Buffer.alloc(32, 2)).sealPage({
      writer: 'm-1',
      page: 0,
      first: 0,
      previous: Buffer.alloc(32),
      records: [{ ...record, at: 1, text: '' }],
    })
    for (const body of [strange, Buffer.from('noise'), new Uint8Array(0)]) {
      expect(check([body, ...one.pages], { 'm-1': one.head }).findings).toHaveLength(1)
    }
  })
})
