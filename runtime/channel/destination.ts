/** Where a request goes: to any member of a group, or to one member. */
import { controlSubject, requestSubject } from '../../messages/index.ts'

export type Destination =
  /** `asClient`: under our own keys, whether or not we have a passport. */
  | { kind: 'group'; service: string; group: string; subject: string; asClient: boolean }
  | { kind: 'member'; service: string; member: string; subject: string }

export function toGroup(service: string, method: string): Destination {
  return { kind: 'group', service, group: service, subject: requestSubject(service, method), asClient: false }
}

/** For admission: a member whose passport has ended or was revoked must still hear what the coordinator has to say. */
export function toGroupAsClient(service: string, method: string): Destination {
  return { kind: 'group', service, group: service, subject: requestSubject(service, method), asClient: true }
}

export function toMember(service: string, member: string): Destination {
  return { kind: 'member', service, member, subject: controlSubject(member) }
}
