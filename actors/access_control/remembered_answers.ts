/**
 * Answers of one version of the policies, by everything that they can depend on. As long as no policy names a task or
 * data, their names do not count: tasks with the same parties and use are answered once. A full memory forgets the
 * oldest.
 */
import type { CedarAnswer, CedarRequest } from './cedar/cedar_policies.ts'
import type { CedarPolicy } from './cedar/cedar_source.ts'

export const ANSWERS_MAX = 4096

/** The name of a task or of data, as a request has it. */
const NAME = /"type":"(Task|Data)","id":"[^"]*"/g

export class RememberedAnswers {
  readonly #answers = new Map<string, CedarAnswer>()
  readonly #ask: (request: CedarRequest) => CedarAnswer
  readonly #namesCount: boolean

  /** @param ask answers what is not remembered */
  constructor(policies: readonly CedarPolicy[], ask: (request: CedarRequest) => CedarAnswer) {
    this.#ask = ask
    this.#namesCount = policies.some(({ namesThings }) => namesThings)
  }

  get size(): number {
    return this.#answers.size
  }

  answer(request: CedarRequest): CedarAnswer {
    const facts = JSON.stringify(request)
    const key = this.#namesCount ? facts : facts.replaceAll(NAME, '"type":"$1"')
    const known = this.#answers.get(key)
    if (known !== undefined) return known
    const answer = this.#ask(request)
    // A failure is not remembered: it may be of this question alone.
    if (answer.error === undefined) this.#keep(key, answer)
    return answer
  }

  #keep(key: string, answer: CedarAnswer): void {
    const oldest = this.#answers.size < ANSWERS_MAX ? undefined : this.#answers.keys().next().value
    if (oldest !== undefined) this.#answers.delete(oldest)
    this.#answers.set(key, answer)
  }
}
