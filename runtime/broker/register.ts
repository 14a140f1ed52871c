/**
 * The contract of a register: one small value, replaced by compare-and-set, shared by the members of a group that must
 * agree before there is a storage service to agree through. The coordinator keeps its sealed state in one.
 */
import { Refusal } from '../../messages/index.ts'

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
