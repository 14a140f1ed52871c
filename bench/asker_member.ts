/**
 * The asking side, in a process of its own: it runs one variant when it is told to, and answers with what it measured.
 */
import { randomBytes } from 'node:crypto'
import { assert } from '../messages/index.ts'
import type { Service, ServiceHost } from '../runtime/index.ts'
import { actor } from '../runtime/index.ts'
import type { BareConnection, Call } from './bare_calls.ts'
import { inboxCall, requestCall } from './bare_calls.ts'
import { runClosedLoop } from './closed_loop.ts'
import type { Variant } from './protocols.ts'
import { benchAsker, benchEcho } from './protocols.ts'

export function startAsker(host: ServiceHost, connection: BareConnection): Service<typeof benchAsker> {
  const echo = host.client(benchEcho)
  const calls = new Map<string, Call>()

  function callOf(variant: Variant, payload: Uint8Array): Call {
    if (variant === 'nats-request') return requestCall(connection, payload)
    if (variant === 'nats-inbox') return inboxCall(connection, payload)
    return () => echo.echo({ payload })
  }

  /** Makes the call once for each variant and size, and checks once that it brings back what was sent. */
  async function prepare(variant: Variant, payloadBytes: number): Promise<Call> {
    const name = `${variant} ${payloadBytes}`
    const known = calls.get(name)
    if (known !== undefined) return known
    const payload = randomBytes(payloadBytes)
    const call = callOf(variant, payload)
    assert(payload.equals(bytesIn(await call())), 'the responder answers with what it gets')
    calls.set(name, call)
    return call
  }

  return {
    actor: actor(benchAsker, {
      async measure({ variant, payload_bytes, in_flight, for_ms, calls_max }) {
        const call = await prepare(variant, payload_bytes)
        const measured = await runClosedLoop(call, { inFlight: in_flight, forMs: for_ms, callsMax: calls_max })
        return {
          calls: measured.calls,
          per_second: measured.perSecond,
          p50_ms: measured.p50Ms,
          p99_ms: measured.p99Ms,
        }
      },
    }),
    close: () => connection.close(),
  }
}

/** The answer's bytes, in the form that each variant has them. */
function bytesIn(answer: unknown): Uint8Array {
  if (answer instanceof Uint8Array) return answer
  const { data, payload } = answer as { data?: Uint8Array; payload?: Uint8Array }
  return payload ?? data ?? new Uint8Array(0)
}
