/** Where a request goes: to any member of a group, or to one member. */
import type { SignatureTiming } from '../../messages/index.ts'
import { controlSubject, requestSubject } from '../../messages/index.ts'

export type Destination =
  /** `asClient`: under our own keys, whether or not we have a passport. */
  | { kind: 'group'; service: string; group: string; subject: string; asClient: boolean; signature: SignatureTiming }
  | { kind: 'member'; service: string; member: string; subject: string }

export function toGroup(service: string, method: string): Destination {
  const subject = requestSubject(service, method)
  return { kind: 'group', service, group: service, subject, asClient: false, signature: 'later' }
}

/** For admission: a member whose passport has ended or was revoked must still hear what the coordinator answers. */
export function toGroupAsClient(service: string, method: string): Destination {
  const subject = requestSubject(service, method)
  return { kind: 'group', service, group: service, subject, asClient: true, signature: 'inside' }
}

export function toMember(service: string, member: string): Destination {
  return { kind: 'member', service, member, subject: controlSubject(member) }
}

/** The same place with the signature inside the frame, for a method that acts only on a signature that it holds. */
export function withSignatureInside(destination: Destination): Destination {
  return destination.kind === 'group' ? { ...destination, signature: 'inside' } : destination
}
