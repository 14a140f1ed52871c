import { join } from 'node:path'
import { expect, test } from 'vitest'
import { start } from '../../../actors/storage/index.ts'
import type { ServiceHost } from '../../../runtime/index.ts'
import { MemoryRecordStream, silentLog, systemClock } from '../../../runtime/index.ts'
import { MemoryFileStore } from '../../../runtime/files/memory_file_store.ts'
import { MemoryWorkQueue } from '../../../runtime/work_queue/memory_work_queue.ts'
import { temporaryFolder } from '../../support/temporary_folder.ts'

const never = () => {
  throw new Error('storage asks nobody')
}

function hostWith(settings: Record<string, unknown>, secrets: Record<string, Uint8Array>): ServiceHost {
  return {
    memberId: 'storage-1',
    settings,
    secrets,
    clock: systemClock,
    log: silentLog,
    events: { publish: never, subscribe: never },
    workQueue: new MemoryWorkQueue(systemClock),
    files: new MemoryFileStore(),
    auditStream: new MemoryRecordStream(),
    stopping: new AbortController().signal,
    client: never,
    clientOf: never,
    sealTo: never,
    openFrom: never,
    signReceipt: never,
  }
}

const storageKey = new Uint8Array(32).fill(3)

test('a started storage holds its folder until it is closed, and keeps what it was given', async () => {
  await using folder = await temporaryFolder()
  const host = hostWith({ folder: join(folder.path, 'store') }, { storage_key: storageKey })
  const first = await start(host)
  expect(first.actor.protocol.name).toBe('storage')
  await expect(start(host)).rejects.toMatchObject({ code: 'state_in_use' })
  await first.close?.()
  const second = await start(host)
  await second.close?.()
})

test('another storage key does not open the folder', async () => {
  await using folder = await temporaryFolder()
  const settings = { folder: join(folder.path, 'store') }
  await (await start(hostWith(settings, { storage_key: storageKey }))).close?.()
  await expect(start(hostWith(settings, { storage_key: new Uint8Array(32) }))).rejects.toMatchObject({
    code: 'state_damaged',
  })
})

test('storage without a folder is refused, and says which setting is missing', async () => {
  for (const settings of [{}, { folder: '' }, { folder: 7 }]) {
    const host = hostWith(settings, { storage_key: storageKey })
    await expect(start(host)).rejects.toMatchObject({ code: 'invalid_request', field: 'folder' })
  }
})

test('storage without a key is a mistake of ours', async () => {
  await using folder = await temporaryFolder()
  await expect(start(hostWith({ folder: folder.path }, {}))).rejects.toThrow('assertion failed')
})
