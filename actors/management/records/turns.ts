/**
 * Turns by key, within this member. Compare-and-set alone keeps the records right. Commands on one task, or on one
 * function's quota, that arrive at the same member would lose to each other again and again; with turns they go one
 * after the other.
 */
import { assert, Refusal } from '../../../messages/index.ts'

const WAITING_MAX = 256

/** Waits for the turn on a further key; it is given up with the attempt. */
export type Hold = (key: string) => Promise<void>

export class Turns {
  /** A key is present while someone has its turn; the list holds those who wait. */
  readonly #waiting = new Map<string, (() => void)[]>()

  /**
   * Waits for the turn; the returned function gives it up and must be called once.
   * @throws Refusal `overloaded` when too many wait already
   */
  async enter(key: string): Promise<() => void> {
    const waiting = this.#waiting.get(key)
    if (waiting === undefined) {
      this.#waiting.set(key, [])
    } else {
      if (waiting.length >= WAITING_MAX) {
        throw new Refusal('overloaded', `${waiting.length} commands wait for ${key} already`, {
          hint: 'try again later',
        })
      }
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
    return () => this.#leave(key)
  }

  #leave(key: string): void {
    const waiting = this.#waiting.get(key)
    assert(waiting !== undefined, 'only whoever has the turn gives it up')
    const next = waiting.shift()
    if (next === undefined) this.#waiting.delete(key)
    else next()
  }
}
