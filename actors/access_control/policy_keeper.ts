/**
 * The policy in force, on this member. Before a question is answered the stored version must have been looked at no
 * more than half a second ago, so that a change counts on every member within a second; without storage there is no
 * decision. While nobody asks, nothing is looked at.
 */
import type { PolicyDocuments } from '../../messages/index.ts'
import { Refusal } from '../../messages/index.ts'
import type { Clock, Log } from '../../runtime/index.ts'
import { isConflict } from '../../runtime/index.ts'
import { canBeChanged, Policy, policyVersion } from './policy.ts'
import type { PolicyFiles } from './policy_files.ts'
import type { StorageClient, StoredPolicy } from './stored_policy.ts'
import { readCurrent, writeNext } from './stored_policy.ts'

/** Half a second is for the frontend, which keeps answers as long; the rest is for the way of the answer. */
const FRESH_MS = 400
/** From this age on the next look begins, but nobody waits for it. */
const REFRESH_MS = 200
const ASK_MS = 5000

export interface PolicyInForce {
  /** 0 where nothing was ever added. */
  version: number
  /**
   * Absent when the stored documents do not fit the policies of this code: then nothing is allowed but to replace them.
   */
  policy?: Policy
  record?: StoredPolicy
}

export interface PolicyChange {
  replaces: number
  documents: PolicyDocuments
  by: string
  requestId: string
}

export class PolicyKeeper {
  /** What the code brings, without anything added. */
  readonly builtIn: Policy
  readonly #files: PolicyFiles
  readonly #store: StorageClient
  readonly #clock: Clock
  readonly #log: Log
  #held: PolicyInForce
  /** When the held version was asked for, ms since 1970. */
  #askedAtMs = Number.NEGATIVE_INFINITY
  #refreshing: Promise<void> | undefined

  /** @throws Refusal `policy_invalid` when the policies of the code do not validate */
  constructor(files: PolicyFiles, store: StorageClient, clock: Clock, log: Log) {
    this.builtIn = new Policy(files)
    this.#held = { version: 0, policy: this.builtIn }
    this.#files = files
    this.#store = store
    this.#clock = clock
    this.#log = log
  }

  /** @throws Refusal `unavailable` when storage does not answer, `state_damaged` */
  async current(): Promise<PolicyInForce> {
    const nowMs = this.#clock.now()
    const ageMs = () => nowMs - this.#askedAtMs
    // A caller that does not wait for this look hears of its failure only once the version has become too old.
    if (ageMs() > REFRESH_MS) this.#look().catch(() => {})
    // A look that was under way already may have begun too early; the one after it cannot have.
    for (let looks = 0; looks < 2 && ageMs() > FRESH_MS; looks += 1) await this.#look()
    return this.#held
  }

  /** Stores the next version. @throws Refusal `policy_invalid` or `conflict` */
  async replace({ replaces, documents, by, requestId }: PolicyChange): Promise<{ version: number; policy: Policy }> {
    const policy = this.#compile(documents)
    if (!canBeChanged(policy)) {
      throw new Refusal('policy_invalid', 'under these policies nobody could change them again', {
        hint: 'leave put_policy to some role',
        field: 'documents',
      })
    }
    const version = replaces + 1
    const record = { version, documents, changed_by: by, changed_at: this.#clock.now(), request_id: requestId }
    const present = await readCurrent(this.#store, ASK_MS)
    if (present.record?.request_id !== requestId) {
      if ((present.record?.version ?? 0) !== replaces) throw anotherVersion(present.record)
      await writeNext(this.#store, record, present.revision).catch(async (error: unknown) => {
        if (!isConflict(error)) throw error
        // A lost answer of storage looks like a conflict.
        const { record: winner } = await readCurrent(this.#store, ASK_MS)
        if (winner?.request_id !== requestId) throw anotherVersion(winner)
      })
      const documentNames = Object.keys(documents)
      const line = { version, policy_version: policy.version, changed_by: by, documents: documentNames }
      this.#log.info(line, 'the policy was changed')
    }
    await this.#refresh()
    return { version, policy }
  }

  /** The version that decisions name, or would have named, under these documents. */
  versionOf(documents: PolicyDocuments): string {
    return policyVersion(this.#files, documents)
  }

  /** At most one look is under way. */
  #look(): Promise<void> {
    return (this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined
    }))
  }

  async #refresh(): Promise<void> {
    const askedAtMs = this.#clock.now()
    try {
      const { record } = await readCurrent(this.#store, ASK_MS)
      this.#hold(record)
      this.#askedAtMs = Math.max(this.#askedAtMs, askedAtMs)
    } catch (error) {
      if (error instanceof Refusal && error.code === 'state_damaged') throw error
      throw new Refusal('unavailable', 'the policy in force cannot be read, so nothing is decided', {
        hint: 'try again in a few seconds',
        cause: error,
      })
    }
  }

  #hold(record: StoredPolicy | undefined): void {
    const version = record?.version ?? 0
    // Two looks may overtake each other.
    if (record === undefined || version <= this.#held.version) return
    try {
      this.#held = { version, record, policy: this.#compile(record.documents) }
      this.#log.info({ version, policy_version: this.#held.policy?.version }, 'another policy is in force')
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.#held = { version, record }
      this.#log.error({ version, err: error }, 'the stored policy does not fit this code: an admin must replace it')
    }
  }

  #compile(documents: PolicyDocuments): Policy {
    return Object.keys(documents).length === 0 ? this.builtIn : new Policy(this.#files, documents)
  }
}

function anotherVersion(present: StoredPolicy | undefined): Refusal {
  return new Refusal('conflict', `the present version of the policy is ${present?.version ?? 0}`, {
    hint: 'read it with get_policy, then decide again what it should be',
    field: 'replaces',
  })
}
