/**
 * Finds an order in which the model answers commands as they were answered: each at once, some moment between its
 * sending and its answer, with a worker beginning and ending runs where it likes. The world after it must be the one
 * that was seen.
 */
import type { Call, Observed } from './model/answer.ts'
import { contradiction } from './model/answer.ts'
import type { Model } from './model/model.ts'
import { begin, end, mayBegin } from './model/runs.ts'
import type { World } from './model/world.ts'
import { difference, fork } from './model/world.ts'

export interface Played {
  call: Call
  observed: Observed
  /** Places in the one order of all sendings and answers. */
  sent: number
  done: number
}

/** What was seen when all was quiet, and what it says of a world; undefined when it fits. */
export interface Sight {
  compare(world: World): string | undefined
}

/** Tags of outputs, by task. */
export type Tags = ReadonlyMap<string, Readonly<Record<string, string>>>

const NODES_MAX = 20_000

export type Explanation = { world: World } | { problem: string }

export function explain(
  model: Model,
  base: World,
  played: readonly Played[],
  sights: readonly Sight[],
  tags: Tags,
): Explanation {
  const seen = new Set<string>()
  let furthest = { count: -1, problem: 'nothing was tried' }
  let nodes = 0

  function fail(count: number, problem: string): void {
    if (count > furthest.count) furthest = { count, problem }
  }

  function search(world: World, placed: ReadonlySet<number>): World | undefined {
    const key = `${[...placed].sort((x, y) => x - y).join()} ${difference(world, base)}`
    if (seen.has(key)) return undefined
    seen.add(key)
    nodes += 1
    if (nodes > NODES_MAX) return undefined
    if (placed.size === played.length) {
      const problem = sights.map((sight) => sight.compare(world)).find((one) => one !== undefined)
      if (problem === undefined) return world
      fail(placed.size, problem)
    }
    for (const [index, { call, observed, sent }] of played.entries()) {
      // A watch promises a version above the one it names, and not the last one: it may be answered from before it was
      // sent.
      const isLate = call.method === 'watch_task'
      const isNext =
        !placed.has(index) && (isLate || played.every(({ done }, other) => placed.has(other) || done > sent))
      if (!isNext) continue
      const next = fork(world)
      const problem = contradiction(model.answer(next, call, observed), observed)
      if (problem !== undefined && !lostRace(played, index)) {
        fail(placed.size, `${call.method} ${JSON.stringify(call.request)}: ${problem}`)
        continue
      }
      const found = search(problem === undefined ? next : world, new Set([...placed, index]))
      if (found !== undefined) return found
    }
    for (const next of runsFrom(world, base, tags)) {
      const found = search(next, placed)
      if (found !== undefined) return found
    }
    return undefined
  }

  const world = search(base, new Set())
  if (world !== undefined) return { world }
  return { problem: nodes > NODES_MAX ? `no order was found among ${nodes}; ${furthest.problem}` : furthest.problem }
}

/** Who is told that others were faster has changed nothing, if there were others. */
function lostRace(played: readonly Played[], index: number): boolean {
  const own = played[index]!
  if (own.observed.code !== 'conflict') return false
  const ids = new Set(idsIn(own.call.request))
  return played.some(
    ({ call, sent, done }, other) =>
      other !== index && sent < own.done && done > own.sent && idsIn(call.request).some((id) => ids.has(id)),
  )
}

export function idsIn(value: unknown): string[] {
  return [...JSON.stringify(value ?? null).matchAll(/(?:function|input|output|task)-[0-9a-f-]{36}/g)].map(([id]) => id)
}

/** The worlds that one step of a worker leads to. */
function runsFrom(world: World, base: World, tags: Tags): World[] {
  return [...world.tasks].flatMap(([task_id, task]) => {
    if (base.tasks.get(task_id) === task || !(mayBegin(task) || task.state === 'Running')) return []
    const next = fork(world)
    if (task.state === 'Running') end(next, task_id, tags.get(task_id))
    else begin(next, task_id)
    return [next]
  })
}
