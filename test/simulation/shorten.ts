/**
 * Takes commands away from a history as long as it still fails, halves first, then single ones. What fails by chance
 * may not fail again, so this is the shortest that was found, not the shortest there is; it ends when the time is over.
 */
import { systemClock } from '../../runtime/index.ts'
import type { Intent } from './commands/intent.ts'

type History = readonly (readonly Intent[])[]

export async function shorten(
  history: History,
  fails: (history: History) => Promise<boolean>,
  timeMs: number,
): Promise<History> {
  const giveUpMs = systemClock.now() + timeMs
  const stillFails = async (candidate: History) => systemClock.now() < giveUpMs && (await fails(candidate))
  // One after the other, where the order alone is not to blame.
  const inTurn = history.map((round) => round.map((intent) => ({ ...intent, lane: 0 })))
  let shortest: History = (await stillFails(inTurn)) ? inTurn : history
  shortest = await without(shortest, stillFails)
  const single = await without(
    shortest.flatMap((round, index) => round.map((intent) => ({ index, intent }))),
    (list) => stillFails(regroup(list)),
  )
  return regroup(single)
}

/** Leaves out what can be left out. */
async function without<T>(list: readonly T[], fails: (list: readonly T[]) => Promise<boolean>): Promise<readonly T[]> {
  let kept = list
  for (let size = Math.ceil(list.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length;) {
      const candidate = [...kept.slice(0, at), ...kept.slice(at + size)]
      if (candidate.length > 0 && (await fails(candidate))) kept = candidate
      else at += size
    }
  }
  return kept
}

function regroup(list: readonly { index: number; intent: Intent }[]): Intent[][] {
  const rounds = [...new Set(list.map(({ index }) => index))]
  return rounds.map((round) => list.filter(({ index }) => index === round).map(({ intent }) => intent))
}
