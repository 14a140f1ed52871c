/**
 * What happens between commands: a worker begins a staged task and ends it. The model foretells the result, for it has
 * the contents of all files; only the tags of outputs, which depend on chance, are told.
 */
import type { TaskState } from '../../../messages/index.ts'
import { FUNCTIONS } from './functions.ts'
import type { Content, Rule, Task, World } from './world.ts'

/** What workers here are attested on. */
const PLATFORM = 'simulated'
/** A class of workers of which there are none: its tasks stay where they are. */
export const IDLE_CLASS = 'special'

export function meets(rule: Rule | undefined, parties: readonly string[], platform?: string): boolean {
  if (rule === undefined) return true
  return (
    (rule.parties === undefined || parties.every((party) => rule.parties?.includes(party))) &&
    (rule.executors === undefined || rule.executors.includes('builtin')) &&
    (rule.platforms === undefined || platform === undefined || rule.platforms.includes(platform))
  )
}

export function giveBack(world: World, { terms: { function_id } }: Task): void {
  const fn = world.functions.get(function_id)!
  world.functions.set(function_id, { ...fn, runs: fn.runs - 1 })
}

/** The task one version later. */
export function after(task: Task, state: TaskState, event: string, by?: string): Task {
  const step = { event, state, ...(by === undefined ? {} : { by }) }
  return { ...task, state, version: task.version + 1, steps: [...task.steps, step] }
}

export function mayBegin({ state, terms }: Task): boolean {
  return state === 'Staged' && terms.options.needs.class !== IDLE_CLASS
}

export function begin(world: World, task_id: string): void {
  const task = world.tasks.get(task_id)!
  const allowed = [...task.terms.inputs, ...task.terms.outputs].every(({ rule }) => meets(rule, task.parties, PLATFORM))
  if (!allowed) giveBack(world, task)
  world.tasks.set(task_id, after(task, allowed ? 'Running' : 'Failed', allowed ? 'start_run' : 'refuse_run'))
}

/** @param tags those of the outputs, by name, where the task was seen to have finished */
export function end(world: World, task_id: string, tags: Readonly<Record<string, string>> | undefined): void {
  const task = world.tasks.get(task_id)!
  const { inputs, outputs } = task.terms
  const product = run(
    task,
    inputs.map(({ data_id }) => world.data.get(data_id!)!.content!),
  )
  // Who was stopped while it wrote may have left a file that stands in the way.
  const isFree = outputs.every(({ data_id }) => world.data.get(data_id!)!.tainted !== true)
  const finishes = product !== undefined && (isFree || tags !== undefined)
  if (!finishes) {
    world.tasks.set(task_id, after(task, 'Failed', 'end_run'))
    return
  }
  world.tasks.set(task_id, { ...after(task, 'Finished', 'end_run'), returnValue: product.returnValue })
  for (const [index, { name, data_id }] of outputs.entries()) {
    const datum = world.data.get(data_id!)!
    world.data.set(data_id!, { ...datum, tag: tags?.[name] ?? 'none was told', content: product.outputs[index]! })
  }
}

/** The function's result and outputs, in the order of their names; undefined when it fails. */
function run(task: Task, contents: readonly Content[]): { returnValue: string; outputs: Content[] } | undefined {
  if (FUNCTIONS[task.variant]!.name === 'builtin-echo') {
    const { message } = task.terms.arguments
    return { returnValue: typeof message === 'string' ? message : JSON.stringify(message), outputs: [] }
  }
  const [left, right] = contents
  if (left === undefined || right === undefined || left === 'damaged' || right === 'damaged') return undefined
  if (![left, right].every((lines) => lines.every((line, at) => at === 0 || lines[at - 1]! <= line))) return undefined
  const flags = (lines: readonly string[], others: readonly string[]) =>
    lines.map((line) => (others.includes(line) ? '1' : '0'))
  const common = new Set(left.filter((line) => right.includes(line)))
  return { returnValue: `${common.size} common items`, outputs: [flags(left, right), flags(right, left)] }
}
