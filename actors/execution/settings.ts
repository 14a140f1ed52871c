/** What the deployment may say about a worker. */
import { z } from 'zod'
import { EXECUTORS, parseBy, STANDARD_CLASS } from '../../messages/index.ts'

/** Which places of files a worker may reach beside the object store and public web servers. */
const fileSettings = z.strictObject({
  /** Whether http is allowed beside https. */
  http: z.boolean().default(false),
  /** Networks beside the public internet, as `10.1.0.0/16`. */
  networks: z.array(z.string()).max(64).default([]),
  /** Absolute paths; file: urls lead below these and nowhere else. */
  folders: z.array(z.string().startsWith('/')).max(16).default([]),
  /** Certificates of authorities, PEM, in place of the usual ones. */
  ca: z
    .string()
    .max(256 * 1024)
    .optional(),
})
export type FileSettings = z.infer<typeof fileSettings>

const settings = z.object({
  /** Runs at once. */
  slots: z.int().min(1).max(256).default(4),
  worker_class: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,31}$/)
    .default(STANDARD_CLASS),
  executors: z.array(z.enum(EXECUTORS)).min(1).default(['builtin']),
  files: fileSettings.default(() => fileSettings.parse({})),
  /** The length of a lease, as the work queue's consumers have it. */
  lease_ms: z.int().min(100).max(600_000).default(10_000),
  /** What a stopping worker gives its runs; less than its launcher gives the worker. */
  drain_ms: z.int().min(0).max(600_000).default(4_000),
})
export type WorkerSettings = z.infer<typeof settings>

export function parseSettings(value: Readonly<Record<string, unknown>>): WorkerSettings {
  return parseBy(settings, value, 'settings.execution')
}
