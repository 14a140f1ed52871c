/**
 * What the model knows: plain records in maps, written from the specification and nothing else. Records are replaced
 * and never changed, so that a world can be forked for each order that is tried, and what differs is seen by comparing
 * references.
 */
import type { Role, TaskState } from '../../../messages/index.ts'

export interface User {
  id: string
  role: Role
  attribute: string | null
  password: string
}

export interface Session {
  user: string
  /** As the token says: roles change, tokens do not. */
  role: Role
  attribute: string | null
  over: boolean
  /** ms since 1970, by when it was over for certain; Infinity while that is being settled. */
  overSinceMs: number
}

export interface Fn {
  owner: string
  /** Which of `FUNCTIONS`. */
  variant: number
  public: boolean
  allowlist: readonly string[]
  quota?: number
  disabled: boolean
  deleted: boolean
  /** Staged, and not given back. */
  runs: number
}

export interface Rule {
  name: string
  parties?: readonly string[]
  executors?: readonly string[]
  platforms?: readonly string[]
}

/** What a file holds: its lines, or what does not have the registered tag. */
export type Content = readonly string[] | 'damaged'

export interface Datum {
  owners: readonly string[]
  scheme: string
  /** Unknown to all but workers for a fusion output. */
  url?: string
  /** Base64; absent for an output that was not produced. */
  tag?: string
  content?: Content
  rule?: Rule
  /** The last task that an output was assigned to. */
  task?: string
  /** True when a run that was stopped may have left something in its place. */
  tainted?: boolean
  deleted: boolean
}

export interface TaskFile {
  name: string
  owners: readonly string[]
  data_id?: string
  tag?: string
  rule?: Rule
}

export interface Terms {
  function_id: string
  function_digest: string
  executor: string
  arguments: Record<string, unknown>
  inputs: readonly TaskFile[]
  outputs: readonly TaskFile[]
  options: Record<string, unknown> & { allow_raw: boolean; needs: { class: string } }
}

export interface Step {
  event: string
  state: TaskState
  by?: string
}

export interface Task {
  creator: string
  parties: readonly string[]
  variant: number
  state: TaskState
  version: number
  attempt: number
  approved: readonly string[]
  terms: Terms
  /** What happened, one for each version; a worker's name is not foretold. */
  steps: readonly Step[]
  /** Text, of a finished task. */
  returnValue?: string
}

export interface World {
  users: Map<string, User>
  /** Who was deleted, and what he was: data and tasks of his stay under the id. */
  former: Map<string, Pick<User, 'role' | 'attribute'>>
  /** By their tokens. */
  sessions: Map<string, Session>
  functions: Map<string, Fn>
  data: Map<string, Datum>
  tasks: Map<string, Task>
  /** By creator and idempotency key: the task, and the request that made it. */
  keys: Map<string, { task_id: string; request: string }>
}

export function emptyWorld(): World {
  return {
    users: new Map(),
    former: new Map(),
    sessions: new Map(),
    functions: new Map(),
    data: new Map(),
    tasks: new Map(),
    keys: new Map(),
  }
}

export function fork(world: World): World {
  const { users, former, sessions, functions, data, tasks, keys } = world
  return {
    users: new Map(users),
    former: new Map(former),
    sessions: new Map(sessions),
    functions: new Map(functions),
    data: new Map(data),
    tasks: new Map(tasks),
    keys: new Map(keys),
  }
}

/** Names what a world has that another one has not: two that name the same are the same. */
export function difference(world: World, base: World): string {
  const parts = (Object.keys(world) as (keyof World)[]).map((kind) => {
    const before: ReadonlyMap<unknown, unknown> = base[kind]
    const changed = [...(world[kind] as ReadonlyMap<unknown, unknown>)].filter(
      ([id, value]) => before.get(id) !== value,
    )
    return changed.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
  })
  return JSON.stringify(parts)
}

const ENDED: readonly TaskState[] = ['Finished', 'Failed', 'Canceled']
export const isEnded = ({ state }: Task) => ENDED.includes(state)
