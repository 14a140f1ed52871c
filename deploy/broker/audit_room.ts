/**
 * The space of the audit log. The operator sets its size; it is reserved before the services start. A later start can
 * make it larger, but never smaller. How full it is can be read while a deployment runs.
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

/** The size of the log on a disk that has no space for the usual size. */
const LITTLE_BYTES = 512 * 1024 ** 2

/**
 * @param wanted the size that the operator asks for; if absent, the usual size, or less on a small disk
 * @returns the size to use if the stream must be created again
 * @throws Refusal `too_large` if the broker does not have the space that the operator asks for
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
      say(
        `the broker's disk is small, so the audit log is small too; the API stops when it is full (see --audit-bytes)`,
      )
      return give(LITTLE_BYTES)
    }
  })
}

/** @throws Refusal `no_broker`; or `unavailable` if there is no log */
export function readAuditUsage(broker: Broker): Promise<StreamUsage> {
  return withStream(broker, (stream) => stream.usage())
}

async function withStream<T>(broker: Broker, use: (stream: JetStreamRecordStream) => Promise<T>): Promise<T> {
  const connection = await connectBroker({ ...broker, name: 'launcher' })
  try {
    // Nothing is written here, so it does not matter to whose chain a record would belong.
    return await use(
      new JetStreamRecordStream(connection, { clock: systemClock, service: 'launcher', memberId: 'none' }),
    )
  } finally {
    await connection.close()
  }
}
