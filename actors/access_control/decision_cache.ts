/** Decisions of one version of the policy, by their question; a full cache forgets the oldest. */
import type { AccessDecision } from '../../messages/index.ts'

export const DECISIONS_MAX = 4096

export class DecisionCache {
  readonly #decisions = new Map<string, AccessDecision>()

  get size(): number {
    return this.#decisions.size
  }

  /** @param question its canonical text: the same facts in the same order */
  get(question: string): AccessDecision | undefined {
    return this.#decisions.get(question)
  }

  keep(question: string, decision: AccessDecision): void {
    const oldest = this.#decisions.size < DECISIONS_MAX ? undefined : this.#decisions.keys().next().value
    if (oldest !== undefined) this.#decisions.delete(oldest)
    this.#decisions.set(question, decision)
  }
}
