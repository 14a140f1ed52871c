/**
 * The streams and consumers of the work queue, as the platform makes them. Only settings that nats-server 2.9 knows are
 * used: it would ignore newer ones without a word. A stream that exists is kept, and refused if it is of another kind.
 */
import type { ConsumerConfig, ConsumerInfo, JetStreamManager, StreamConfig } from '@nats-io/jetstream'
import { AckPolicy, DeliverPolicy, DiscardPolicy, ReplayPolicy, RetentionPolicy, StorageType } from '@nats-io/jetstream'
import type { Priority } from '../../messages/index.ts'
import {
  deadLetterSubject,
  DEADLETTERS_STREAM,
  EVENTS_STREAM,
  Refusal,
  stagedConsumer,
  stagedSubject,
  taskEventSubject,
  TASKS_STREAM,
} from '../../messages/index.ts'
import { API_CODES, apiCode } from '../broker/jetstream_refusal.ts'
import type { WorkClass } from './work_queue.ts'

const NANOSECONDS = 1_000_000
const HOUR_MS = 3_600_000
const DUPLICATE_WINDOW_MS = 120_000

/** Runs under way at once in one class and priority, over all workers. */
const ACK_PENDING_MAX = 10_000
/** Pull requests that wait at once; each idle worker has three. */
const PULLS_WAITING_MAX = 4_096

type NewStream = Partial<StreamConfig> & Pick<StreamConfig, 'name' | 'subjects' | 'retention'>

const streams = (tasksBytesMax: number): NewStream[] => [
  {
    name: TASKS_STREAM,
    subjects: [stagedSubject('*', '*', '*')],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    // A full queue refuses new messages: dropping the oldest would lose a task that was accepted.
    discard: DiscardPolicy.New,
    max_bytes: tasksBytesMax,
    duplicate_window: DUPLICATE_WINDOW_MS * NANOSECONDS,
    allow_direct: true,
  },
  {
    name: DEADLETTERS_STREAM,
    subjects: [deadLetterSubject('*', '*')],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_age: 30 * 24 * HOUR_MS * NANOSECONDS,
    max_bytes: tasksBytesMax / 4,
    duplicate_window: DUPLICATE_WINDOW_MS * NANOSECONDS,
    allow_direct: true,
  },
  {
    name: EVENTS_STREAM,
    subjects: [taskEventSubject('*')],
    retention: RetentionPolicy.Limits,
    storage: StorageType.Memory,
    discard: DiscardPolicy.Old,
    max_age: HOUR_MS * NANOSECONDS,
    max_bytes: 32 * 1024 * 1024,
    allow_direct: true,
  },
]

const consumer = (work: WorkClass, priority: Priority, leaseMs: number): Partial<ConsumerConfig> => ({
  durable_name: stagedConsumer(work.executor, work.workerClass, priority),
  // A single filter: several would need a newer server, and the broker's permissions could not bound them.
  filter_subject: stagedSubject(work.executor, work.workerClass, priority),
  ack_policy: AckPolicy.Explicit,
  deliver_policy: DeliverPolicy.All,
  replay_policy: ReplayPolicy.Instant,
  ack_wait: leaseMs * NANOSECONDS,
  // Management counts attempts: it alone can tell a run that failed from a delivery that was given back.
  max_deliver: -1,
  max_ack_pending: ACK_PENDING_MAX,
  max_waiting: PULLS_WAITING_MAX,
})

export async function ensureStreams(jsm: JetStreamManager, tasksBytesMax: number): Promise<void> {
  for (const wanted of streams(tasksBytesMax)) {
    const found = await lookUp(jsm.streams.info(wanted.name), API_CODES.streamNotFound)
    if (found === undefined) {
      await jsm.streams.add(wanted).catch((error: unknown) => {
        // Another member made it at the same moment.
        if (apiCode(error) !== API_CODES.streamNameInUse) throw error
      })
    } else if (found.config.retention !== wanted.retention) {
      throw new Refusal('unsupported', `the broker's stream ${wanted.name} has retention "${found.config.retention}"`, {
        hint: `it must be "${wanted.retention}": move that stream away, or use another broker`,
      })
    }
  }
}

export async function ensureConsumer(
  jsm: JetStreamManager,
  work: WorkClass,
  priority: Priority,
  leaseMs: number,
): Promise<void> {
  const wanted = consumer(work, priority, leaseMs)
  const name = stagedConsumer(work.executor, work.workerClass, priority)
  const found = await readConsumer(jsm, work, priority)
  if (found === undefined) {
    await jsm.consumers.add(TASKS_STREAM, wanted).catch((error: unknown) => {
      if (apiCode(error) !== API_CODES.consumerExists) throw error
    })
  } else if (found.config.ack_wait !== wanted.ack_wait) {
    await jsm.consumers.update(TASKS_STREAM, name, { ack_wait: leaseMs * NANOSECONDS })
  }
}

export function readConsumer(
  jsm: JetStreamManager,
  work: WorkClass,
  priority: Priority,
): Promise<ConsumerInfo | undefined> {
  const name = stagedConsumer(work.executor, work.workerClass, priority)
  return lookUp(jsm.consumers.info(TASKS_STREAM, name), API_CODES.consumerNotFound)
}

async function lookUp<T>(answer: Promise<T>, absentCode: number): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (apiCode(error) === absentCode) return undefined
    throw error
  }
}
