/** A typed client of a protocol: one function for each method, which asks and checks the answer. */
import type { Method, Protocol } from '../../messages/index.ts'
import { mapValues, parseBy, Refusal } from '../../messages/index.ts'
import type { AskOptions, Client } from '../actor.ts'

export type AskMethod = (request: unknown, options: AskOptions) => Promise<unknown>

/**
 * @param askFor makes what asks one method; `repeatable` if a second delivery of a request does no more than the first
 */
export function typedClient<P extends Protocol>(
  protocol: P,
  askFor: (method: string, repeatable: boolean) => AskMethod,
): Client<P> {
  return mapValues<P['methods'], Client<P>>(protocol.methods, ({ reply, idempotent }: Method, name) => {
    const what = `${protocol.name}.${name}`
    const ask = askFor(name, idempotent !== false)
    return async (request: unknown, options: AskOptions = {}): Promise<unknown> =>
      parseAnswer(reply, await ask(request, options), what)
  })
}

/** Refuses `internal` for an answer of another form, because that is not the caller's mistake. */
function parseAnswer(schema: Method['reply'], answer: unknown, what: string): unknown {
  try {
    return parseBy(schema, answer, what)
  } catch (cause) {
    throw new Refusal('internal', `${what} answered in another form than its protocol says`, { cause })
  }
}
