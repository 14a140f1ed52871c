import { expect, test } from 'vitest'
import { giveAuditRoom, readAuditUsage } from '../../../deploy/broker/audit_room.ts'
import { examine } from '../../../deploy/doctor.ts'
import { openState, writeBrokerRecord, writePrivate } from '../../../deploy/state/state_folder.ts'
import { AUDIT_BYTES, connectBroker, JetStreamRecordStream, systemClock } from '../../../runtime/index.ts'
import type { TestBroker } from '../../support/broker.ts'
import { startBroker } from '../../support/broker.ts'
import { temporaryFolder } from '../../support/temporary_folder.ts'

const MIB = 1024 ** 2
const asNobody = ({ url }: TestBroker) => ({ url, user: '', password: '' })

/** A broker that has so much room for all its streams. */
function brokerWith(bytes: number, folder: string): Promise<TestBroker> {
  const config = `jetstream { store_dir: ${JSON.stringify(folder)}, max_file_store: ${bytes} }`
  return startBroker({ jetstream: false, config })
}

test('the audit log gets the room that is asked for, more at a later start, and never less', async () => {
  await using broker = await startBroker()
  const room = async (wanted?: number) => {
    await giveAuditRoom(asNobody(broker), wanted, () => {})
    return (await readAuditUsage(asNobody(broker))).bytesMax
  }
  expect(await room(32 * MIB)).toBe(32 * MIB)
  expect(await room(64 * MIB)).toBe(64 * MIB)
  expect(await room(32 * MIB)).toBe(64 * MIB)
})

test('a small disk gives the usual log less room and says so, and what was asked for it refuses', async () => {
  await using folder = await temporaryFolder()
  await using broker = await brokerWith(1024 * MIB, folder.path)
  const said: string[] = []
  await expect(giveAuditRoom(asNobody(broker), AUDIT_BYTES, () => {})).rejects.toMatchObject({ code: 'too_large' })
  expect(await giveAuditRoom(asNobody(broker), undefined, (text) => said.push(text))).toBe(512 * MIB)
  expect(said).toEqual([expect.stringContaining('--audit-bytes')])
  expect((await readAuditUsage(asNobody(broker))).bytesMax).toBe(512 * MIB)
})

test('the doctor tells how full the log of a running deployment is, and when to see to it', async () => {
  await using folder = await temporaryFolder()
  await using broker = await startBroker()
  const state = await openState(folder.path)
  state.broker.external = { user: '', password: '' }
  state.broker.url = broker.url
  await writeBrokerRecord(state.paths, state.broker)
  for (const path of [state.paths.manifest, state.paths.workerSettings]) await writePrivate(path, '{}')
  await giveAuditRoom(asNobody(broker), MIB, () => {})
  const connection = await connectBroker({ ...asNobody(broker), name: 'test' })
  const stream = new JetStreamRecordStream(connection, { clock: systemClock, service: 'frontend', memberId: 'f' })
  const look = async () => {
    const checks = await examine({ search: { searchPath: '/nowhere', cacheFolder: '/' }, stateFolder: folder.path })
    return checks.find(({ name }) => name === 'audit log')
  }
  const fill = async (kib: number, id: string) => {
    for (let part = 0; part < kib / 32; part += 1) await stream.append(`${id} ${part}`, Buffer.alloc(32 * 1024))
  }
  expect(await look()).toMatchObject({ ok: true, found: '0 % full' })
  await fill(832, 'a')
  expect(await look()).toMatchObject({ ok: true, fix: expect.stringContaining('--audit-bytes') })
  await fill(160, 'b')
  expect(await look()).toMatchObject({ ok: false, found: expect.stringMatching(/^9[5-9] % full/) })
  await connection.close()
  await state.close()
  expect(await look()).toBeUndefined()
})
