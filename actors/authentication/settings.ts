/** What a deployment may set for authentication. */
import { z } from 'zod'
import { SESSION_MS_MAX } from '../../attestation/index.ts'
import { parseBy } from '../../messages/index.ts'

const settings = z.object({
  /** The scrypt cost of new hashes, a power of two; a lower one than the default is for tests. */
  scrypt_n: z
    .int()
    .min(1024)
    .max(2 ** 20)
    .refine((n) => Number.isInteger(Math.log2(n)), 'must be a power of two')
    .default(2 ** 15),
  /** How long a session lives. */
  session_ms: z
    .int()
    .min(1000)
    .max(SESSION_MS_MAX)
    .default(8 * 3_600_000),
})

export function parseSettings(value: unknown): z.infer<typeof settings> {
  return parseBy(settings, value, 'authentication.settings')
}
