/** The rule of every commit, whichever store applies it: each write names the revision that it replaces. */
import { Refusal, storeKey } from '../../messages/index.ts'
import type { Write } from './store.ts'

/**
 * Refuses unless every write may be applied.
 * @param revisionOf the present revision of a key, 0 when it is absent
 * @throws Refusal `conflict` naming the key whose revision differs; `invalid_request` for what no store can hold
 */
export function checkWrites(writes: readonly Write[], revisionOf: (key: string) => number): void {
  const seen = new Set<string>()
  for (const [at, write] of writes.entries()) {
    const { key } = write
    if (!storeKey.safeParse(key).success) {
      throw new Refusal(
        'invalid_request',
        `a key has 1 to 256 printable ASCII characters, unlike ${JSON.stringify(key)}`,
        {
          hint: 'choose another key',
          field: `writes.${at}.key`,
        },
      )
    }
    // Both writes would be checked against the same revision, and only one of them can replace it.
    if (seen.has(key)) {
      throw new Refusal('invalid_request', `the commit writes ${key} twice`, {
        hint: 'keep the write that should remain',
        field: `writes.${at}.key`,
      })
    }
    seen.add(key)
    if ('add' in write) continue
    const present = revisionOf(key)
    if (present !== write.revision) {
      throw new Refusal('conflict', `${key} ${state(present)}; the write expects that it ${state(write.revision)}`, {
        hint: 'read it again and decide anew',
        field: `writes.${at}.revision`,
      })
    }
  }
  // Sent twice, it would add twice.
  if (writes.length > 0 && writes.every((write) => 'add' in write)) {
    throw new Refusal('invalid_request', 'the commit only adds, and names no revision', {
      hint: 'add in the commit that changes what is counted',
      field: 'writes',
    })
  }
}

const state = (revision: number) => (revision === 0 ? 'is absent' : `has revision ${revision}`)
