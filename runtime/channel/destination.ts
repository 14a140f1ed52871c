/** Where a request goes: to any member of a group, or to one member. */
import type { FrameRoot } from '../../messages/index.ts'
import { controlSubject, requestSubject } from '../../messages/index.ts'

export type Destination =
  /** `asClient`: under our own keys, whether or not we have a passport. */
  | { kind: 'group'; service: string; group: string; subject: string; asClient: boolean; root: FrameRoot }
  | { kind: 'member'; service: string; member: string; subject: string }

export function toGroup(service: string, method: string): Destination {
  const subject = requestSubject(service, method)
  return { kind: 'group', service, group: service, subject, asClient: false, root: 'follows' }
}

/** For admission: a member whose passport has ended or was revoked must still hear what the coordinator has to say. */
export function toGroupAsClient(service: string, method: string): Destination {
  const subject = requestSubject(service, method)
  return { kind: 'group', service, group: service, subject, asClient: true, root: 'inside' }
}

export function toMember(service: string, member: string): Destination {
  return { kind: 'member', service, member, subject: controlSubject(member) }
}

/** The same place, for a method that acts only on a signature that it holds. */
export function withRoot(destination: Destination, inside: boolean): Destination {
  return inside && destination.kind === 'group' ? { ...destination, root: 'inside' } : destination
}
