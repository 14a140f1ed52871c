/** get_task, list_tasks and watch_task: how parties follow their tasks. Watching waits for the next change. */
import type { management, TaskView } from '../../../messages/index.ts'
import { defined, STANDARD_CLASS, taskEventSubject } from '../../../messages/index.ts'
import type { Clock, Events, Handlers } from '../../../runtime/index.ts'
import type { AccessClient } from '../access/access.ts'
import { momentInKey, taskIdOfKey, taskKey, taskOfPrefix } from '../records/keys.ts'
import { checkAfter, collectPages } from '../records/paging.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { readMany } from '../records/storage_access.ts'
import { changesAfter } from '../lifecycle/task_history.ts'
import type { TaskLife } from '../lifecycle/task_record.ts'
import { isOverdue } from '../lifecycle/task_rules.ts'
import { unpackRecord } from '../records/stored_record.ts'
import type { LoadedTask } from '../tasks/task_memory.ts'
import type { CarryOut } from '../tasks/task_command.ts'
import { withoutRefusal } from '../tasks/task_command.ts'
import type { TaskStore } from '../tasks/task_store.ts'
import { admitParty, viewTask } from '../tasks/task_view.ts'
import type { WorkerPresence } from '../tasks/worker_presence.ts'

/** An event may be lost; the task is read again after this long. */
const BACKSTOP_MS = 2_000
/** A watch answers this long before its caller stops waiting. */
const ANSWER_MS = 250
/**
 * Watchers who wait at a member. Each takes a place in its mailbox, and some places must stay free for commands: beyond
 * this number a watch is answered at once, and its caller asks again.
 */
export const WATCHERS_MAX = 384
/** After a longer wait the watcher is admitted again before the answer: a change of policy counts within a second. */
const ADMITTED_MS = 500
/** Lives that fit one letter. */
const LIVES_PAGE = 50
/** Changes that fit one letter beside the task. */
const CHANGES_PAGE = 200

type Methods = Pick<Handlers<typeof management>, 'get_task' | 'list_tasks' | 'watch_task'>

export interface ReadTasksParts {
  storage: StorageClient
  access: AccessClient
  tasks: TaskStore
  carryOut: CarryOut
  presence: WorkerPresence
  clock: Clock
  events: Events
}

export function readTasks(parts: ReadTasksParts): Methods {
  const { storage, access, tasks, carryOut, presence, clock, events } = parts
  /** The task as it is now; one whose deadline has passed ends here, since nobody else may come by. */
  async function readNow(taskId: string, aboveVersion?: number): Promise<LoadedTask> {
    const loaded = await (aboveVersion === undefined ? tasks.read(taskId) : tasks.readAbove(taskId, aboveVersion))
    if (!isOverdue(loaded.record, clock.now())) return loaded
    return carryOut(taskId, { whenOverdue: withoutRefusal, decide: ({ record }) => ({ next: record }) })
  }

  async function readFor(taskId: string, userId: string, aboveVersion?: number): Promise<LoadedTask> {
    const loaded = await readNow(taskId, aboveVersion)
    await admitParty(access, loaded, userId)
    return loaded
  }

  /** A party who looks at a task that waits is told when there is no worker that it could wait for. */
  async function show(loaded: LoadedTask): Promise<TaskView> {
    const { state, terms } = loaded.record
    if (state !== 'Staged') return viewTask(loaded)
    return viewTask(loaded, await presence.hasNone(terms.executor, terms.options.needs.class ?? STANDARD_CLASS))
  }

  let watchers = 0

  return {
    async get_task({ caller, request }) {
      return show(await readFor(request.task_id, caller.user_id))
    },

    async watch_task({ caller, request }, context) {
      const { task_id, after_version } = request
      const waitMs = watchers < WATCHERS_MAX ? request.wait_ms : 0
      const until = Math.min(clock.now() + waitMs, context.deadlineMs - ANSWER_MS)
      watchers += 1
      const change = watchEvents(events, clock, task_id)
      try {
        // Subscribed before the first read: a change in between leaves its mark, and the wait ends at once.
        let loaded = await readFor(task_id, caller.user_id, after_version)
        const admittedAt = clock.now()
        while (loaded.record.version <= after_version && clock.now() < until && !context.signal.aborted) {
          await change.next(Math.min(BACKSTOP_MS, until - clock.now()), context.signal)
          loaded = await readNow(task_id, after_version)
        }
        if (clock.now() - admittedAt >= ADMITTED_MS) await admitParty(access, loaded, caller.user_id)
        const changes = changesAfter(loaded.record, after_version).slice(0, CHANGES_PAGE)
        return { ...(await show(loaded)), changes }
      } finally {
        change.end()
        watchers -= 1
      }
    },

    async list_tasks({ caller, request }) {
      const { state, creator, from = 0, to, limit } = request
      const prefix = taskOfPrefix(caller.user_id)
      const isWanted = (life: TaskLife) =>
        (state === undefined || life.state === state) && (creator === undefined || life.creator === creator)
      const start = to === undefined ? undefined : momentInKey(to)
      const { found, next } = await collectPages(limit, checkAfter(request.after) ?? start, async (before, missing) => {
        const filtered = state !== undefined || creator !== undefined
        const wanted = filtered ? LIVES_PAGE : Math.min(LIVES_PAGE, missing)
        const page = { prefix, limit: wanted, reverse: true }
        const { entries } = await storage.scan(before === undefined ? page : { ...page, after: prefix + before })
        // The keys are in order of creation: behind the first that is too old, all are.
        const cursors = entries.map(({ key }) => key.slice(prefix.length)).filter((key) => key >= momentInKey(from))
        const keys = cursors.map((cursor) => taskKey(taskIdOfKey(cursor)))
        const lives = await readMany(storage, keys)
        const items = cursors.map((cursor, at) => {
          const entry = lives.get(keys[at] ?? '')
          const life = entry === undefined ? undefined : unpackRecord<TaskLife>(entry.value)
          return { cursor, item: life !== undefined && isWanted(life) ? summarize(life) : undefined }
        })
        return { items, isLast: cursors.length < wanted }
      })
      return { tasks: found, ...defined({ next }) }
    },
  }
}

function summarize({ task_id, state, short_reason, creator, version, created_at, updated_at }: TaskLife) {
  return { task_id, state, reason: short_reason, creator, version, created_at, updated_at }
}

/** Waits for events on one task. Events that come while nobody waits are remembered as one. */
function watchEvents(events: Events, clock: Clock, taskId: string) {
  let happened = false
  let wake = () => {}
  const unsubscribe = events.subscribe(taskEventSubject(taskId), () => {
    happened = true
    wake()
  })
  return {
    async next(waitMs: number, signal: AbortSignal): Promise<void> {
      if (!happened && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const cancel = clock.after(waitMs, finish)
          function finish() {
            cancel()
            signal.removeEventListener('abort', finish)
            resolve()
          }
          signal.addEventListener('abort', finish)
          wake = finish
        })
      }
      happened = false
    },
    end: unsubscribe,
  }
}
