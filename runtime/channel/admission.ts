/** Who may call what: the only check of a sender's verified role against the protocol's callers. */
import type { SignatureTiming, Protocol } from '../../messages/index.ts'
import { callersOf, Refusal } from '../../messages/index.ts'
import type { Sender } from '../actor.ts'

/** Refuses `unknown_method`, or `not_admitted` when the method does not list the sender's role as a caller. */
export function admitCaller(protocol: Protocol, method: string, sender: Sender): void {
  if (!Object.hasOwn(protocol.methods, method)) throw unknownMethod(protocol, method)
  const callers = callersOf(protocol, method)
  if (callers.includes(sender.role) || (sender.role !== 'client' && callers.includes('member'))) return
  throw new Refusal(
    'not_admitted',
    `${protocol.name}.${method} is not open to ${sender.role === 'client' ? 'clients' : sender.role}`,
    {
      hint: 'clients speak to authentication and frontend',
    },
  )
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
