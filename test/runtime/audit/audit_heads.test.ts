import { beforeEach, expect, test } from 'vitest'
import { Refusal, storage } from '../../../messages/index.ts'
import type { AuditHead } from '../../../messages/index.ts'
import { keepAuditHead, readAuditHeads } from '../../../runtime/audit/audit_heads.ts'
import type { Client } from '../../../runtime/index.ts'
import { MemoryStore } from '../../../runtime/store/memory_store.ts'
import { clientOf, refusalOf, storageHandlers } from '../../support/fake_host.ts'

const head = (pages: number): AuditHead => ({ pages, records: pages * 2, digest: `${pages}`.padStart(64, '0') })

let store: MemoryStore
let client: Client<typeof storage>
beforeEach(() => {
  store = new MemoryStore()
  client = clientOf(storage, storageHandlers(store))
})

test('the end of each chain is kept, and a late one changes nothing', async () => {
  await keepAuditHead(client, 'frontend-1', head(2))
  await keepAuditHead(client, 'authentication-1', head(1))
  await keepAuditHead(client, 'frontend-1', head(1))
  expect(await readAuditHeads(client)).toEqual(
    new Map([
      ['authentication-1', head(1)],
      ['frontend-1', head(2)],
    ]),
  )
})

test('there may be more writers than one page of storage', async () => {
  const writers = Array.from({ length: 450 }, (_, at) => `frontend-${`${at}`.padStart(3, '0')}`)
  for (const writer of writers) await keepAuditHead(client, writer, head(1))
  expect([...(await readAuditHeads(client)).keys()]).toEqual(writers)
})

test('two that keep one head at a time both come to an end, and the later head stays', async () => {
  await Promise.all([1, 3, 2].map((pages) => keepAuditHead(client, 'frontend-1', head(pages))))
  expect((await readAuditHeads(client)).get('frontend-1')).toEqual(head(3))
})

test('a storage that always conflicts is not asked for ever, and a damaged head is not passed over', async () => {
  const conflicting = { ...client, commit: () => Promise.reject(new Refusal('conflict', 'always')) }
  expect((await refusalOf(keepAuditHead(conflicting, 'frontend-1', head(1)))).code).toBe('conflict')
  await store.commit([{ key: 'audit_head/frontend-1', value: Buffer.from('x'), revision: 0 }])
  expect(await refusalOf(readAuditHeads(client).then(() => undefined))).toBeInstanceOf(Refusal)
})
