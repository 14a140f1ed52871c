/** Terms in the model: made of a request, and named by a digest that the model computes for itself. */
import { createHash } from 'node:crypto'
import { canonical } from './answer.ts'
import { FUNCTIONS } from './functions.ts'
import type { Fn, Task, TaskFile, Terms } from './world.ts'

export interface Creation {
  function_id: string
  arguments?: Record<string, unknown>
  inputs?: Record<string, readonly string[]>
  outputs?: Record<string, readonly string[]>
  options?: Record<string, unknown> & { needs?: { class?: string }; allow_raw?: boolean; idempotency_key?: string }
}

const sorted = (names: readonly string[]) => [...new Set(names)].sort()

/** The terms, or undefined where the request does not fit the function. */
export function termsOf(request: Creation, fn: Fn, digest: string): Terms | undefined {
  const kind = FUNCTIONS[fn.variant]!
  const given = request.arguments ?? {}
  const isKnown = Object.keys(given).every((key) => kind.arguments.some((one) => one.key === key && one.overridable))
  const values = kind.arguments.map((one) => [one.key, Object.hasOwn(given, one.key) ? given[one.key] : one.default])
  const inputs = request.inputs ?? {}
  const outputs = request.outputs ?? {}
  const names = (files: readonly { name: string }[]) => canonical(sorted(files.map(({ name }) => name)))
  const declared = (files: object) => canonical(Object.keys(files).sort())
  const fits = names(kind.inputs) === declared(inputs) && names(kind.outputs) === declared(outputs)
  if (!isKnown || !fits || values.some(([, value]) => value === undefined)) return undefined
  const { needs, ...options } = request.options ?? {}
  return {
    function_id: request.function_id,
    function_digest: digest,
    executor: 'builtin',
    arguments: Object.fromEntries(values) as Record<string, unknown>,
    inputs: filesOf(inputs),
    outputs: filesOf(outputs),
    options: {
      priority: 'normal',
      timeout_ms: 600_000,
      attempts: 3,
      retries: 0,
      allow_raw: false,
      ...options,
      needs: { class: needs?.class ?? 'standard' },
    },
  }
}

/** Creator, owners of every declared file, and the owner of a private function. */
export function partiesOf(creator: string, fn: Fn, { inputs, outputs }: Terms): string[] {
  const owners = [...inputs, ...outputs].flatMap((file) => file.owners)
  return sorted([creator, ...owners, ...(fn.public ? [] : [fn.owner])])
}

export function digestOf(terms: Terms): string {
  return createHash('sha256').update(canonical(terms)).digest('hex')
}

/** The task under its terms: waits for data, for approvals, or for its creator. */
export function settle(task: Task): Task {
  const isComplete = [...task.terms.inputs, ...task.terms.outputs].every((file) => file.data_id !== undefined)
  if (!isComplete) return { ...task, state: 'Created' }
  if (task.parties.length === 1) return { ...task, state: 'Approved', approved: task.parties }
  const isApproved = task.parties.every((party) => task.approved.includes(party))
  return { ...task, state: isApproved ? 'Approved' : 'DataAssigned' }
}

function filesOf(declared: Record<string, readonly string[]>): TaskFile[] {
  return Object.keys(declared)
    .sort()
    .map((name) => ({ name, owners: sorted(declared[name]!) }))
}
