/**
 * The answers to recent commits, so that a request that is delivered again hears what it did the first time, instead of
 * a conflict with itself. A cache, and no more: after a restart, or many commits later, the conflict is the answer.
 */
import { createHash } from 'node:crypto'
import { pack } from '../../messages/index.ts'
import type { LetterContext, Write } from '../../runtime/index.ts'

const ANSWERS_MAX = 4096

export class AnsweredCommits {
  readonly #answers = new Map<string, Promise<number[]>>()

  /** Commits, unless the same request has already done so or is about to. A refused commit is not remembered. */
  async once(context: LetterContext, writes: readonly Write[], commit: () => Promise<number[]>): Promise<number[]> {
    const name = nameOf(context, writes)
    const known = this.#answers.get(name)
    if (known !== undefined) return known
    const oldest = this.#answers.size < ANSWERS_MAX ? undefined : this.#answers.keys().next().value
    if (oldest !== undefined) this.#answers.delete(oldest)
    const answer = commit()
    this.#answers.set(name, answer)
    try {
      return await answer
    } catch (error) {
      this.#answers.delete(name)
      throw error
    }
  }
}

/** Services may make several commits under one request id; what they write tells those apart. */
function nameOf({ sender, requestId }: LetterContext, writes: readonly Write[]): string {
  // A write without a value is none, and must not look like a deletion.
  const content = writes.map((write) => {
    if ('add' in write) return ['add', write.key, write.add]
    const { key, value, revision } = write
    return value === undefined ? [key, revision] : [key, value, revision]
  })
  return createHash('sha256')
    .update(pack([sender.id, requestId, content]))
    .digest('base64')
}
