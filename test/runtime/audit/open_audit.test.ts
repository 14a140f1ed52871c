import { expect, test } from 'vitest'
import { AuditChain } from '../../../attestation/index.ts'
import type { AuditHead } from '../../../messages/index.ts'
import { storage } from '../../../messages/index.ts'
import { readAuditHeads } from '../../../runtime/audit/audit_heads.ts'
import { MemoryRecordStream } from '../../../runtime/audit/memory_record_stream.ts'
import { MemoryStore } from '../../../runtime/store/memory_store.ts'
import { auditKeyOf, openAudit } from '../../../runtime/audit/open_audit.ts'
import { clientOf, fakeHost, storageHandlers } from '../../support/fake_host.ts'

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
