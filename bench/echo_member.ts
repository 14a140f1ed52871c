/** The responder: one process that answers bare messages and attested letters alike with what they bring. */
import type { Service, ServiceHost } from '../runtime/index.ts'
import { actor } from '../runtime/index.ts'
import type { BareConnection } from './bare_calls.ts'
import { answerBare } from './bare_calls.ts'
import { benchEcho } from './protocols.ts'

/** @param connection a connection of its own, so that neither side's traffic waits behind the other's */
export function startEcho(_host: ServiceHost, connection: BareConnection): Service<typeof benchEcho> {
  answerBare(connection)
  return {
    actor: actor(benchEcho, { echo: ({ payload }) => ({ payload }) }),
    close: () => connection.close(),
  }
}
