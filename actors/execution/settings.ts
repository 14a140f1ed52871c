/** What the deployment may say about a worker. */
import { z } from 'zod'
import { EXECUTORS, parseBy, STANDARD_CLASS } from '../../messages/index.ts'

const settings = z.object({
  /** Runs at once. */
  slots: z.int().min(1).max(256).default(4),
  worker_class: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,31}$/)
    .default(STANDARD_CLASS),
  executors: z.array(z.enum(EXECUTORS)).min(1).default(['builtin']),
  /** The length of a lease, as the work queue's consumers have it. */
  lease_ms: z.int().min(100).max(600_000).default(10_000),
  /** What a stopping worker gives its runs; less than its launcher gives the worker. */
  drain_ms: z.int().min(0).max(600_000).default(4_000),
})
export type WorkerSettings = z.infer<typeof settings>

export function parseSettings(value: Readonly<Record<string, unknown>>): WorkerSettings {
  return parseBy(settings, value, 'settings.execution')
}
