/**
 * A register is one small value, replaced by compare-and-set, shared by the members of a group that must agree before
 * there is a storage service to agree through. The coordinator keeps its sealed state in one.
 */
import type { NatsConnection } from '@nats-io/nats-core'
import { COORDINATOR_BUCKET, Refusal } from '../../messages/index.ts'
import { openBucket, reach } from './kv_bucket.ts'

const REGISTER_KEY = 'state'

export interface RegisterEntry {
  value: Uint8Array
  revision: number
}

export interface Register {
  read(): Promise<RegisterEntry | undefined>
  /**
   * @param revision the revision that is replaced; 0 when nothing was there
   * @throws Refusal `conflict` when somebody else was first: read again
   */
  replace(value: Uint8Array, revision: number): Promise<void>
}

export class MemoryRegister implements Register {
  #entry: RegisterEntry | undefined

  read(): Promise<RegisterEntry | undefined> {
    return Promise.resolve(this.#entry)
  }

  replace(value: Uint8Array, revision: number): Promise<void> {
    if (revision !== (this.#entry?.revision ?? 0)) {
      return Promise.reject(new Refusal('conflict', 'the register was replaced by somebody else'))
    }
    this.#entry = { value, revision: revision + 1 }
    return Promise.resolve()
  }
}

/** The register that all members of the coordinator share: one key of a bucket. */
export function openCoordinatorRegister(connection: NatsConnection): Register {
  const bucket = openBucket(connection, COORDINATOR_BUCKET, true, { history: 8 })
  return {
    read: () =>
      reach(COORDINATOR_BUCKET, async (): Promise<RegisterEntry | undefined> => {
        const entry = await (await bucket()).get(REGISTER_KEY)
        if (entry === null || entry.operation !== 'PUT') return undefined
        return { value: entry.value, revision: entry.revision }
      }),
    replace: (value, revision) =>
      reach(COORDINATOR_BUCKET, async () => {
        const kv = await bucket()
        try {
          await (revision === 0 ? kv.create(REGISTER_KEY, value) : kv.update(REGISTER_KEY, value, revision))
        } catch (cause) {
          // This is said also where only the answer was lost: reading again shows which of the two it was.
          throw new Refusal('conflict', 'the register was replaced by somebody else', { cause })
        }
      }),
  }
}
