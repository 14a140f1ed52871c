/**
 * Extends a lease at a third of its length, for as long as it is kept. Functions run in threads, so the main thread is free
 * to do it; when it is not, the lease lapses, and the fencing token keeps the late result out.
 */
import type { Clock, WorkLease } from '../../runtime/index.ts'

export interface KeptLease {
  /** True when the queue may have given the message to another worker since: a verb of ours could then end its lease. */
  mayHaveLapsed(): boolean
  release(): void
}

export function keepLease(lease: WorkLease, leaseMs: number, clock: Clock): KeptLease {
  let cancel = () => {}
  let heldUntilMs = clock.now() + leaseMs
  let lapsed = false
  const mayHaveLapsed = () => (lapsed ||= clock.now() >= heldUntilMs)
  const plan = () => {
    cancel = clock.after(leaseMs / 3, () => {
      mayHaveLapsed()
      lease.extend()
      heldUntilMs = clock.now() + leaseMs
      plan()
    })
  }
  plan()
  return { mayHaveLapsed, release: () => cancel() }
}
