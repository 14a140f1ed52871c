/** The responder: one process that sends back the content of bare messages and attested letters alike. */
import type { Service, ServiceHost } from '../runtime/index.ts'
import { actor } from '../runtime/index.ts'
import type { BareConnection } from './bare_calls.ts'
import { answerBare } from './bare_calls.ts'
import { benchEcho } from './protocols.ts'

/** @param connection its own connection for bare messages, so that neither kind of traffic waits behind the other */
export function startEcho(_host: ServiceHost, connection: BareConnection): Service<typeof benchEcho> {
  answerBare(connection)
  return {
    actor: actor(benchEcho, { echo: ({ payload }) => ({ payload }) }),
    close: () => connection.close(),
  }
}
