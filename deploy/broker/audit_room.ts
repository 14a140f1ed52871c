/**
 * The room of the audit log, which is the operator's to give: set aside before the services come, made more at a later
 * start, and never made less. What is there can be seen while a deployment runs.
 */
import { Refusal } from '../../messages/index.ts'
import type { StreamUsage } from '../../runtime/index.ts'
import { AUDIT_BYTES, connectBroker, JetStreamRecordStream, systemClock } from '../../runtime/index.ts'
import type { Say } from '../nats_server/install.ts'

interface Broker {
  url: string
  user: string
  password: string
}

/** What the log gets where the disk has no room for the usual. */
const LITTLE_BYTES = 512 * 1024 ** 2

/**
 * @param wanted what the operator asks for; absent: the usual, or less on a small disk
 * @returns what the stream is to have when it must be made again
 * @throws Refusal `too_large` when the broker has not what is asked for
 */
export async function giveAuditRoom(broker: Broker, wanted: number | undefined, say: Say): Promise<number> {
  return withStream(broker, async (stream) => {
    const give = async (bytes: number) => {
      await stream.prepare(bytes)
      await stream.grow(bytes)
      return bytes
    }
    try {
      return await give(wanted ?? AUDIT_BYTES)
    } catch (error) {
      if (wanted !== undefined || !(error instanceof Refusal) || error.code !== 'too_large') throw error
      say(`the broker's disk is small, so the audit log has little room; when it is full the API stops (--audit-bytes)`)
      return give(LITTLE_BYTES)
    }
  })
}

/** @throws Refusal `no_broker`, or `unavailable` where there is no log */
export function readAuditUsage(broker: Broker): Promise<StreamUsage> {
  return withStream(broker, (stream) => stream.usage())
}

async function withStream<T>(broker: Broker, use: (stream: JetStreamRecordStream) => Promise<T>): Promise<T> {
  const connection = await connectBroker({ ...broker, name: 'launcher' })
  try {
    // Nothing is written here, so whose chain it would be does not matter.
    return await use(
      new JetStreamRecordStream(connection, { clock: systemClock, service: 'launcher', memberId: 'none' }),
    )
  } finally {
    await connection.close()
  }
}
