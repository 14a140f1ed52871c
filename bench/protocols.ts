/**
 * The benchmark's two roles: one that answers with what it gets, and one that asks it and measures. Both are attested
 * members like any other; only the manifest of a benchmark names them.
 */
import { z } from 'zod'
import { bytes, protocol } from '../messages/index.ts'

const ECHO_BYTES_MAX = 65_536
/** Where the responder listens outside of any envelope. */
export const BARE_SUBJECT = 'bench.echo'

export const VARIANTS = ['nats-request', 'nats-inbox', 'attested-ask'] as const
export type Variant = (typeof VARIANTS)[number]

const echoed = z.strictObject({ payload: bytes(0, ECHO_BYTES_MAX) })

export const benchEcho = protocol('bench_echo', 'Answers with what it gets', ['bench_asker'], {
  echo: { about: 'Answers with the payload it gets', request: echoed, reply: echoed, refuses: [] },
})

export const benchAsker = protocol('bench_asker', 'Asks bench_echo, and says how long it took', ['client'], {
  measure: {
    about: 'Runs one variant for a while with a fixed number of calls in flight',
    request: z.strictObject({
      variant: z.enum(VARIANTS),
      payload_bytes: z.int().min(0).max(ECHO_BYTES_MAX),
      in_flight: z.int().min(1).max(1_024),
      for_ms: z.int().min(1).max(10_000),
      calls_max: z.int().min(1).max(2_000_000),
    }),
    reply: z.strictObject({ calls: z.int(), per_second: z.number(), p50_ms: z.number(), p99_ms: z.number() }),
    refuses: [],
    idempotent: false,
    plain: 'always',
  },
})
