/** Starts a worker, with the executors and the places of files that its settings name. */
import type { Executor as ExecutorName } from '../../messages/index.ts'
import type { execution } from '../../messages/index.ts'
import { defined, Refusal, scheduler } from '../../messages/index.ts'
import type { Clock, FileStore, Service, ServiceHost } from '../../runtime/index.ts'
import { AddressRule, FolderFiles, SpoolFolder, WebFiles } from '../../runtime/index.ts'
import { BuiltinExecutor } from './executors/builtin/builtin_executor.ts'
import { executionActor } from './execution_actor.ts'
import type { Executor } from './executors/executor.ts'
import { FilePlaces } from './files/file_places.ts'
import type { FileSettings } from './settings.ts'
import { parseSettings } from './settings.ts'
import { Worker } from './worker.ts'

const THREAD_ENTRY = new URL('./executors/builtin/builtin_thread.js', import.meta.url)

/** @param threadEntry the compiled entry of the threads that run built-in functions */
export async function start(host: ServiceHost, threadEntry = THREAD_ENTRY): Promise<Service<typeof execution>> {
  const settings = parseSettings(host.settings)
  const { memberId, clock, log, files, workQueue, stopping } = host
  const executors = new Map<ExecutorName, Executor>()
  for (const name of settings.executors) executors.set(name, createExecutor(name, threadEntry, settings.slots, clock))
  for (const executor of executors.values()) await executor.open()
  const spool = await SpoolFolder.open()
  const worker = new Worker(
    {
      memberId,
      clock,
      log,
      places: openPlaces(files, settings.files, spool, clock),
      spool,
      workQueue,
      stopping,
      executors,
      scheduling: host.client(scheduler),
      leaseMs: settings.lease_ms,
      openFrom: (subject, bytes) => host.openFrom(subject, bytes),
      signReceipt: (claims) => host.signReceipt(claims),
    },
    {
      classes: settings.executors.map((executor) => ({ executor, workerClass: settings.worker_class })),
      slots: settings.slots,
      drainMs: settings.drain_ms,
    },
  )
  worker.start()
  return {
    actor: executionActor(worker),
    async close() {
      await worker.close()
      await Promise.all([...executors.values()].map((executor) => executor.close()))
      await spool.remove()
    },
  }
}

function openPlaces(
  store: FileStore,
  { http, networks, folders, ca }: FileSettings,
  spool: SpoolFolder,
  clock: Clock,
): FilePlaces {
  const web = new WebFiles({ http, addresses: new AddressRule(networks), clock, ...defined({ ca }) })
  return new FilePlaces({ store, web, folders: new FolderFiles(folders), spool })
}

function createExecutor(name: ExecutorName, threadEntry: URL, slots: number, clock: Clock): Executor {
  if (name === 'builtin') return new BuiltinExecutor(threadEntry, slots, clock)
  throw new Refusal('unsupported', `this version cannot run "${name}" functions`, {
    hint: 'leave it out of the executors of this worker',
    field: 'settings.execution.executors',
  })
}
