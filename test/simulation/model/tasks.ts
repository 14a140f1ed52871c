/** Tasks in the model: every command and refusal of a task's life. */
import type { Answer, Handle, Observed, Who } from './answer.ts'
import { canonical, refuse, reply, told } from './answer.ts'
import type { Digests } from './functions.ts'
import { mayUse } from './functions.ts'
import { after, giveBack, meets } from './runs.ts'
import type { Creation } from './terms.ts'
import { digestOf, partiesOf, settle, termsOf } from './terms.ts'
import type { Datum, Task, TaskFile, World } from './world.ts'
import { isEnded } from './world.ts'

type Reference = { task_id: string }
type Assignment = Reference & { inputs?: Record<string, string>; outputs?: Record<string, string> }
interface Place {
  kind: 'inputs' | 'outputs'
  name: string
  data_id: string
}

/** Whoever is no party does not learn that there is such a task. */
function asParty(world: World, who: Who, { task_id }: Reference, act: (task: Task) => Answer): Answer {
  const task = world.tasks.get(task_id)
  return task === undefined || !task.parties.includes(who.id) ? refuse('not_found') : act(task)
}

const notNow = (task: Task) => (isEnded(task) ? 'task_ended' : 'not_ready')

function viewOf(world: World, task_id: string, task: Task, { reply: was }: Observed) {
  const { creator, parties, state, version, attempt, approved, terms } = task
  const { reason, created_at, updated_at, result } = (was ?? {}) as Record<string, unknown>
  const { log, receipt } = (result ?? {}) as Record<string, unknown>
  const tags = terms.outputs.map(({ name, data_id }) => [name, world.data.get(data_id ?? '')?.tag])
  return {
    task_id,
    state,
    reason: typeof reason === 'string' && reason !== '' ? reason : 'a reason',
    version,
    creator,
    parties,
    terms,
    terms_digest: digestOf(terms),
    approved_by: approved,
    attempt,
    created_at,
    updated_at,
    ...(task.returnValue === undefined
      ? {}
      : {
          result: {
            return_value: Buffer.from(task.returnValue).toString('base64'),
            output_tags: Object.fromEntries(tags) as unknown,
            log,
            receipt,
          },
        }),
  }
}

function show(world: World, who: Who, request: Reference, observed: Observed): Answer {
  return asParty(world, who, request, (task) => reply(viewOf(world, request.task_id, task, observed)))
}

function move(world: World, who: Who, task_id: string, task: Task, event: string, observed: Observed): Answer {
  const moved = after(task, task.state, event, who.id)
  world.tasks.set(task_id, moved)
  return reply(viewOf(world, task_id, moved, observed))
}

/** What stands against putting data in a place. */
function faultsOf(world: World, who: Who, task: Task, place: Place, all: readonly Place[]): string[] {
  const datum = world.data.get(place.data_id)
  const declared = task.terms[place.kind].find(({ name }) => name === place.name)
  const faults = [...(declared === undefined ? ['invalid_request'] : faultsOfFile(declared))]
  if (datum === undefined || datum.deleted || !datum.owners.includes(who.id)) return [...faults, 'not_found']
  const isShared = declared !== undefined && canonical(declared.owners) === canonical(datum.owners)
  if (declared !== undefined && !isShared) faults.push('forbidden')
  if (datum.scheme === 'raw' && !task.terms.options.allow_raw) faults.push('forbidden')
  if (!meets(datum.rule, task.parties)) faults.push('forbidden')
  return place.kind === 'inputs' || isFree(world, task, place, datum, all) ? faults : [...faults, 'already_exists']
}

const faultsOfFile = ({ data_id }: TaskFile) => (data_id === undefined ? [] : ['already_exists'])

/** An output is written once, by one task, in one place of it. */
function isFree(world: World, task: Task, { data_id }: Place, datum: Datum, all: readonly Place[]): boolean {
  const holder = world.tasks.get(datum.task ?? '')
  const isHeld = holder !== undefined && !isEnded(holder)
  const isTwice = all.filter((place) => place.data_id === data_id).length > 1
  return datum.tag === undefined && !isHeld && !isTwice && !task.terms.outputs.some((file) => file.data_id === data_id)
}

const HANDLERS = {
  get_task: show,

  watch_task(world, who, { task_id, after_version = 0 }: Reference & { after_version?: number }, observed) {
    return asParty(world, who, { task_id }, (task) => {
      const { changes: seen = [] } = (observed.reply ?? {}) as { changes?: Record<string, unknown>[] }
      const changes = task.steps.slice(after_version).map(({ event, state, by }, place) => {
        const { by: worker, at, reason } = seen[place] ?? {}
        return { version: after_version + place + 1, state, event, by: by ?? worker, at, reason }
      })
      return reply({ ...viewOf(world, task_id, task, observed), changes })
    })
  },

  assign_data(world, who, { task_id, inputs = {}, outputs = {} }: Assignment, observed) {
    return asParty(world, who, { task_id }, (task) => {
      const places = [
        ...Object.entries(inputs).map(([name, data_id]): Place => ({ kind: 'inputs', name, data_id })),
        ...Object.entries(outputs).map(([name, data_id]): Place => ({ kind: 'outputs', name, data_id })),
      ]
      const given = ({ kind, name }: Place) => task.terms[kind].find((file) => file.name === name)?.data_id
      if (places.length > 0 && places.every((place) => given(place) === place.data_id)) {
        return reply(viewOf(world, task_id, task, observed))
      }
      const faults = places.flatMap((place) => faultsOf(world, who, task, place, places))
      if (places.length === 0) faults.push('invalid_request')
      if (task.state !== 'Created') faults.push(notNow(task))
      if (faults.length > 0) return refuse(...faults)
      const fill = (kind: Place['kind']) =>
        task.terms[kind].map((file) => {
          const place = places.find((one) => one.kind === kind && one.name === file.name)
          if (place === undefined) return file
          const { tag, rule } = world.data.get(place.data_id)!
          return {
            ...file,
            data_id: place.data_id,
            ...(kind === 'outputs' || tag === undefined ? {} : { tag }),
            ...(rule === undefined ? {} : { rule }),
          }
        })
      const terms = { ...task.terms, inputs: fill('inputs'), outputs: fill('outputs') }
      for (const { kind, data_id } of places) {
        if (kind === 'outputs') world.data.set(data_id, { ...world.data.get(data_id)!, task: task_id })
      }
      return move(world, who, task_id, settle({ ...task, terms, approved: [] }), 'assign_data', observed)
    })
  },

  approve_task(world, who, { task_id, terms_digest }: Reference & { terms_digest: string }, observed) {
    return asParty(world, who, { task_id }, (task) => {
      const isCurrent = digestOf(task.terms) === terms_digest
      if (isCurrent && task.approved.includes(who.id)) return reply(viewOf(world, task_id, task, observed))
      if (task.state !== 'DataAssigned') return refuse(notNow(task), ...(isCurrent ? [] : ['stale_terms']))
      if (!isCurrent) return refuse('stale_terms')
      const approved = [...task.approved, who.id].sort()
      return move(world, who, task_id, settle({ ...task, approved }), 'approve_task', observed)
    })
  },

  invoke_task(world, who, { task_id }: Reference, observed) {
    return asParty(world, who, { task_id }, (task) => {
      const { terms, parties } = task
      if (task.creator !== who.id) return refuse('forbidden', ...(task.state === 'Approved' ? [] : [notNow(task)]))
      if (task.state !== 'Approved') return refuse(notNow(task))
      const fn = world.functions.get(terms.function_id)!
      const faults = [
        ...(fn.disabled || fn.deleted ? ['not_ready'] : []),
        ...(fn.public || parties.includes(fn.owner) ? [] : ['forbidden']),
        ...(fn.quota !== undefined && fn.runs >= fn.quota ? ['quota_exceeded'] : []),
      ]
      if (faults.length > 0) return refuse(...faults)
      world.functions.set(terms.function_id, { ...fn, runs: fn.runs + 1 })
      return move(world, who, task_id, { ...task, state: 'Staged', attempt: 1 }, 'invoke_task', observed)
    })
  },

  cancel_task(world, who, { task_id }: Reference, observed) {
    const task = world.tasks.get(task_id)
    const isAdmin = who.role === 'PlatformAdmin'
    const isParty = task?.parties.includes(who.id) === true
    if (task === undefined || !(isAdmin || isParty)) return refuse('not_found')
    if (!isAdmin && task.creator !== who.id) return refuse('forbidden', ...(isEnded(task) ? ['task_ended'] : []))
    if (isEnded(task)) return refuse('task_ended')
    if (task.state === 'Staged') giveBack(world, task)
    if (task.state === 'Running') taint(world, task)
    const moved = move(world, who, task_id, { ...task, state: 'Canceled' }, 'cancel_task', observed)
    if (isParty) return moved
    // Who is no party stops it, and sees nothing of what the parties put into it.
    const canceled = world.tasks.get(task_id)!
    const view = viewOf(world, task_id, canceled, observed)
    return reply({ ...view, terms: { ...view.terms, arguments: {} } })
  },

  list_tasks(world, who, { state, creator }: { state?: string; creator?: string }, observed) {
    const told_ = new Map(
      ((observed.reply as { tasks?: Record<string, unknown>[] })?.tasks ?? []).map((task) => [task['task_id'], task]),
    )
    const tasks = [...world.tasks]
      .filter(([, task]) => task.parties.includes(who.id))
      .filter(([, task]) => (state ?? task.state) === task.state && (creator ?? task.creator) === task.creator)
      .map(([task_id, task]) => {
        const { reason, created_at, updated_at } = told_.get(task_id) ?? {}
        const { creator: by, version } = task
        return { task_id, state: task.state, reason, creator: by, version, created_at, updated_at }
      })
      .sort((a, b) => (a.task_id < b.task_id ? -1 : 1))
    return reply({ tasks })
  },
} as const satisfies Record<string, Handle>

function taint(world: World, { terms }: Task): void {
  for (const { data_id } of terms.outputs) {
    world.data.set(data_id!, { ...world.data.get(data_id!)!, tainted: true })
  }
}

export function taskHandlers(digests: Digests) {
  return {
    create_task(world, who, request: Creation, observed) {
      const { idempotency_key } = request.options ?? {}
      const key = idempotency_key === undefined ? undefined : `${who.id} ${idempotency_key}`
      const made = key === undefined ? undefined : world.keys.get(key)
      if (made !== undefined) {
        return made.request === canonical(request) ? reply({ task_id: made.task_id }) : refuse('invalid_request')
      }
      const fn = world.functions.get(request.function_id)
      if (fn === undefined || fn.deleted || !mayUse(who, fn)) return refuse('not_found')
      const terms = termsOf(request, fn, digests[fn.variant]!)
      const faults = [...(fn.disabled ? ['not_ready'] : []), ...(terms === undefined ? ['invalid_request'] : [])]
      if (terms === undefined || faults.length > 0) return refuse(...faults)
      const task_id = told(observed, 'task_id')
      if (key !== undefined) world.keys.set(key, { task_id, request: canonical(request) })
      const parties = partiesOf(who.id, fn, terms)
      const facts = { creator: who.id, parties, variant: fn.variant, version: 1, attempt: 0, approved: [] as string[] }
      const task = settle({ ...facts, state: 'Created', terms, steps: [] })
      world.tasks.set(task_id, { ...task, steps: [{ event: 'create_task', state: task.state, by: who.id }] })
      return reply({ task_id })
    },
    ...HANDLERS,
  } as const satisfies Record<string, Handle>
}
