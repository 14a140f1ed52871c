/** Who may call what: the only check of a sender's verified role against the protocol's callers. */
import type { SignatureTiming, Protocol } from '../../messages/index.ts'
import { callersInclude, callersOf, mapValues, Refusal } from '../../messages/index.ts'
import type { AskOptions, Client, Sender } from '../actor.ts'

/** Refuses `unknown_method`, or `not_admitted` when the method does not list the sender's role as a caller. */
export function admitCaller(protocol: Protocol, method: string, sender: Sender): void {
  if (!Object.hasOwn(protocol.methods, method)) throw unknownMethod(protocol, method)
  const callers = callersOf(protocol, method)
  if (callersInclude(callers, sender.role)) return
  throw new Refusal(
    'not_admitted',
    `${protocol.name}.${method} is not open to ${sender.role === 'client' ? 'clients' : sender.role}`,
    {
      hint: `it is open to ${callers.join(', ')}; clients speak to what is open to client`,
    },
  )
}

/**
 * A client that refuses at once what the receiver would refuse: the broker may not even carry the question, and then
 * nobody would answer it.
 */
export function clientWithin<P extends Protocol>(protocol: P, role: string, client: Client<P>): Client<P> {
  return mapValues<Client<P>, Client<P>>(client, (ask, method) => {
    // It takes what `ask` takes, and answers what that answers.
    const asking = ask as (request: unknown, options?: AskOptions) => Promise<unknown>
    return async (request: unknown, options?: AskOptions) => {
      admitCaller(protocol, method, { role, id: '' })
      return await asking(request, options)
    }
  })
}

/** Refuses `not_admitted` when the method acts only on a signature that it holds, and the frame has none inside. */
export function admitSignature(protocol: Protocol, method: string, signature: SignatureTiming): void {
  if (signature === 'inside' || protocol.methods[method]?.signatureInside !== true) return
  throw new Refusal('not_admitted', `${protocol.name}.${method} takes signed frames only`, {
    hint: 'put the signature into the frame',
  })
}

export function unknownMethod(protocol: Protocol, method: string): Refusal {
  return new Refusal('unknown_method', `${protocol.name} has no method "${method}"`, {
    hint: `it has ${Object.keys(protocol.methods).join(', ')}`,
  })
}
