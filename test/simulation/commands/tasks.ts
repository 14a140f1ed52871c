/** Commands about tasks: where what is wanted is not possible yet, somebody does what comes before it. */
import { createId } from '../../../messages/index.ts'
import { FUNCTIONS, mayUse } from '../model/functions.ts'
import { IDLE_CLASS } from '../model/runs.ts'
import { digestOf } from '../model/terms.ts'
import type { Datum, Fn, Task, TaskFile } from '../model/world.ts'
import { isEnded } from '../model/world.ts'
import { party, registerFusion, registerInput, registerOutput } from './data.ts'
import type { Kind } from './intent.ts'
import type { Resolve, Scene, Wish } from './scene.ts'
import { actor, crewId, crewOf, pick } from './scene.ts'

const NO_TASK = createId('task', 'nothing')
const NO_DIGEST = '0'.repeat(64)

type Found = [task_id: string, task: Task]

function tasksOf(scene: Scene, isApt: (task: Task) => boolean): Found[] {
  return [...scene.guess.tasks].filter(([, task]) => isApt(task))
}

/** Any task at all, and somebody who need not be a party of it. */
function oddly(scene: Scene, method: string, more: object = {}): Wish {
  const { a, b } = scene.intent
  const by = actor(scene, a)
  const own = tasksOf(scene, (task) => task.parties.includes(by))
  const task_id = pick(b % 3 === 0 ? [...scene.guess.tasks] : own, b)?.[0] ?? NO_TASK
  return { by, method, request: { task_id, ...more } }
}

const create: Resolve = (scene) => {
  const { a, b, c } = scene.intent
  const by = party(scene, a)
  const { attribute } = scene.guess.users.get(by)!
  const known = pick(
    [...scene.guess.keys].filter(([key]) => key.startsWith(`${by} `)),
    b,
  )?.[1]
  // The same once more is the same task.
  if (known !== undefined && c % 8 === 0) {
    return { by, method: 'create_task', request: JSON.parse(known.request) as Record<string, unknown> }
  }
  const isApt = ([, fn]: [string, Fn]) => !fn.deleted && !fn.disabled && mayUse({ id: by, attribute }, fn)
  const [function_id, fn] =
    pick(scene.odd ? [...scene.guess.functions] : [...scene.guess.functions].filter(isApt), b) ?? []
  if (function_id === undefined || fn === undefined) return registerFunctionFor(scene)
  return {
    by,
    method: 'create_task',
    request: { function_id, ...filesAndArguments(scene, by, fn), options: options(scene) },
  }
}

function registerFunctionFor(scene: Scene): Wish {
  const request = { variant: FUNCTIONS.length - 1 - (scene.intent.b % 2), public: true, allowlist: [] }
  return { by: crewId(scene, scene.intent.a % 2 === 0 ? 'olga' : 'frank'), method: 'register_function', request }
}

function filesAndArguments(scene: Scene, by: string, fn: Fn): object {
  const { a, b, c } = scene.intent
  const kind = FUNCTIONS[fn.variant]!
  const isOpen = kind.arguments.some((one) => one.overridable && (one.default === undefined || c % 2 === 0))
  const args = isOpen || (scene.odd && b % 2 === 0) ? { message: c % 3 === 0 ? { c } : `message ${c}` } : {}
  const second = pick(crewOf(scene, 'DataOwner', 'DataOwnerManager'), c)?.id ?? by
  const declare = (files: readonly { name: string }[], sets: readonly (readonly string[])[]) =>
    Object.fromEntries(files.map(({ name }, at) => [name, pick(sets, a + b + at)!]))
  // Only what was produced together can be put in together.
  const shared = [...scene.guess.data.values()].filter((datum) => datum.owners.length > 1 && datum.tag !== undefined)
  const together = pick(shared, c)?.owners
  const inputs = declare(kind.inputs, [[by], [second], ...(together === undefined ? [] : [together]), [by]])
  const outputs = scene.odd && b % 3 === 0 ? {} : declare(kind.outputs, [[by], [second, by], [second]])
  return { arguments: args, inputs, outputs }
}

function options(scene: Scene): object {
  const { a, b, c } = scene.intent
  return {
    ...(c % 3 === 0 ? { allow_raw: true } : {}),
    ...(c % 5 === 0 ? { needs: { class: IDLE_CLASS } } : {}),
    ...(b % 4 === 0 ? { priority: 'high' } : {}),
    ...(c % 4 === 0 ? { idempotency_key: `key ${a % 3}` } : {}),
  }
}

const assign: Resolve = (scene) => {
  const { a, b, c } = scene.intent
  const open = tasksOf(scene, (task) => task.state === 'Created')
  if (scene.odd) return assignOddly(scene)
  const found = pick(open, a)
  if (found === undefined) return create(scene)
  const [task_id, task] = found
  const places = [...task.terms.inputs, ...task.terms.outputs].filter((file) => file.data_id === undefined)
  const place = pick(places, b)!
  const by = pick(place.owners, c)!
  const kind = task.terms.inputs.includes(place) ? 'input' : 'output'
  const fitting = [...scene.guess.data].filter(([id, datum]) => id.startsWith(kind) && fits(scene, task, place, datum))
  const data_id = pick(fitting, b)?.[0]
  if (data_id === undefined) return provide(scene, by, place, kind)
  return { by, method: 'assign_data', request: { task_id, [`${kind}s`]: { [place.name]: data_id } } }
}

function fits({ guess }: Scene, task: Task, { owners }: TaskFile, datum: Datum): boolean {
  const isOwned = !datum.deleted && JSON.stringify(datum.owners) === JSON.stringify(owners)
  const holder = guess.tasks.get(datum.task ?? '')
  const isWritten = datum.tag !== undefined && datum.content !== undefined && datum.task !== undefined
  const isHeld = isWritten || (holder !== undefined && !isEnded(holder))
  return isOwned && !isHeld && (datum.scheme !== 'raw' || task.terms.options.allow_raw)
}

/** Data that could be assigned next. */
function provide(scene: Scene, by: string, { owners }: TaskFile, kind: string): Wish {
  if (kind === 'output') return owners.length > 1 ? registerFusion(scene, by, owners) : registerOutput(scene, by)
  if (owners.length === 1) return registerInput(scene, by)
  const produced = [...scene.guess.data].filter(
    ([id, datum]) =>
      id.startsWith('output') && datum.tag !== undefined && JSON.stringify(datum.owners) === JSON.stringify(owners),
  )
  const data_id = pick(produced, scene.intent.a)?.[0]
  return data_id === undefined
    ? registerFusion(scene, by, owners)
    : { by, method: 'register_input_from_output', request: { data_id } }
}

/** Data of others, of another kind, that is not there, where there is no place or one that is taken. */
function assignOddly(scene: Scene): Wish {
  const { a, b, c } = scene.intent
  const wish = oddly(scene, 'assign_data')
  const task = scene.guess.tasks.get(String(wish.request['task_id']))
  const isInput = c % 2 === 0
  const file = pick(task?.terms[isInput ? 'inputs' : 'outputs'] ?? [], a)?.name ?? 'no_such_file'
  const some = [...scene.guess.data.keys()].filter((id) => id.startsWith(isInput ? 'input' : 'output'))
  const data_id = pick(some, b) ?? createId(isInput ? 'input' : 'output', 'nothing')
  return {
    ...wish,
    request: { ...wish.request, ...(c % 7 === 0 ? {} : { [isInput ? 'inputs' : 'outputs']: { [file]: data_id } }) },
  }
}

const approve: Resolve = (scene) => {
  const { a, b } = scene.intent
  if (scene.odd) {
    const wish = oddly(scene, 'approve_task')
    const task = scene.guess.tasks.get(String(wish.request['task_id']))
    const terms_digest = task === undefined || b % 2 === 0 ? NO_DIGEST : digestOf(task.terms)
    return { ...wish, request: { ...wish.request, terms_digest } }
  }
  const [task_id, task] =
    pick(
      tasksOf(scene, ({ state }) => state === 'DataAssigned'),
      a,
    ) ?? []
  if (task_id === undefined || task === undefined) return assign(scene)
  const by = pick(
    task.parties.filter((one) => !task.approved.includes(one)),
    b,
  )!
  return { by, method: 'approve_task', request: { task_id, terms_digest: digestOf(task.terms) } }
}

const invoke: Resolve = (scene) => {
  if (scene.odd) return oddly(scene, 'invoke_task')
  const [task_id, task] =
    pick(
      tasksOf(scene, ({ state }) => state === 'Approved'),
      scene.intent.a,
    ) ?? []
  if (task_id === undefined || task === undefined) return approve(scene)
  return { by: task.creator, method: 'invoke_task', request: { task_id } }
}

const cancel: Resolve = (scene) => {
  if (scene.odd) return oddly(scene, 'cancel_task')
  const { a, b } = scene.intent
  // Those that are under way are few, and the most worth it.
  const under = tasksOf(scene, ({ state }) => state === 'Staged' || state === 'Running')
  const [task_id, task] = pick(under.length > 0 ? under : tasksOf(scene, (one) => !isEnded(one)), a) ?? []
  if (task_id === undefined || task === undefined) return create(scene)
  return { by: b % 4 === 0 ? crewId(scene, 'root') : task.creator, method: 'cancel_task', request: { task_id } }
}

function look(scene: Scene, method: string, more: object = {}): Wish {
  if (scene.odd) return oddly(scene, method, more)
  const [task_id, task] = pick([...scene.guess.tasks], scene.intent.a) ?? []
  const by = pick(task?.parties ?? [], scene.intent.b) ?? crewId(scene, 'alice')
  return { by, method, request: { task_id: task_id ?? NO_TASK, ...more } }
}

/** For a version that is there, or the next one. */
const watch: Resolve = (scene) => {
  const wish = look(scene, 'watch_task', { wait_ms: 0 })
  const { version = 1 } = scene.guess.tasks.get(String(wish.request['task_id'])) ?? {}
  return { ...wish, request: { ...wish.request, after_version: version - (scene.intent.c % 2) } }
}

const list: Resolve = (scene) => {
  const { a, b, c } = scene.intent
  const states = ['Created', 'Approved', 'Finished', 'Failed', 'Canceled', 'Staged']
  return {
    by: actor(scene, a, 'DataOwner', 'DataOwnerManager', 'FunctionOwner', 'PlatformAdmin'),
    method: 'list_tasks',
    request: {
      limit: 1 + (c % 20),
      ...(b % 3 === 0 ? { state: pick(states, c)! } : {}),
      ...(b % 5 === 0 ? { creator: crewId(scene, 'alice') } : {}),
    },
  }
}

export const TASK_WISHES = {
  create_task: create,
  assign_data: assign,
  approve_task: approve,
  invoke_task: invoke,
  cancel_task: cancel,
  get_task: (scene) => look(scene, 'get_task'),
  watch_task: watch,
  list_tasks: list,
} as const satisfies Partial<Record<Kind, Resolve>>
