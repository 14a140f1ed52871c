/**
 * Decides which work is taken first when there is more work than slots: high, normal and low share the turns 8 : 3 : 1,
 * and a turn that finds nothing falls to the others in that order. So urgent work is preferred, and low work is never
 * starved. Within one priority the order is the queue's, and classes of work take turns.
 */
import type { Priority } from '../../messages/index.ts'
import { PRIORITIES } from '../../messages/index.ts'

const WEIGHTS: Readonly<Record<Priority, number>> = { high: 8, normal: 3, low: 1 }
const TURNS = PRIORITIES.reduce((sum, priority) => sum + WEIGHTS[priority], 0)

/** Takes up to `batch` messages of one class and priority without waiting, and says how many there were. */
export type Take = (classIndex: number, priority: Priority, batch: number) => Promise<number>

export class FairSweep {
  readonly #credit: Record<Priority, number> = { high: 0, normal: 0, low: 0 }
  #rotation = 0

  /** The priority whose turn it is: smooth weighted round robin, so that no priority gets its turns in a row. */
  nextPriority(): Priority {
    let chosen: Priority = 'high'
    for (const priority of PRIORITIES) {
      this.#credit[priority] += WEIGHTS[priority]
      if (this.#credit[priority] > this.#credit[chosen]) chosen = priority
    }
    this.#credit[chosen] -= TURNS
    return chosen
  }

  /** Takes up to `count` messages: first what each turn asks for, all at once, then the rest from whoever has some. */
  async take(classCount: number, count: number, take: Take): Promise<void> {
    const shares = new Map<string, { classIndex: number; priority: Priority; batch: number }>()
    for (let turn = 0; turn < count; turn++) {
      const priority = this.nextPriority()
      const classIndex = this.#rotation++ % classCount
      const name = `${classIndex} ${priority}`
      const share = shares.get(name) ?? { classIndex, priority, batch: 0 }
      share.batch++
      shares.set(name, share)
    }
    const emptied = new Set<string>()
    let left = count
    await Promise.all(
      [...shares].map(async ([name, { classIndex, priority, batch }]) => {
        const got = await take(classIndex, priority, batch)
        left -= got
        if (got < batch) emptied.add(name)
      }),
    )
    for (const priority of PRIORITIES) {
      for (let n = 0; n < classCount && left > 0; n++) {
        const classIndex = (this.#rotation + n) % classCount
        if (!emptied.has(`${classIndex} ${priority}`)) left -= await take(classIndex, priority, left)
      }
    }
  }
}
