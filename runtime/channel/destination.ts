/** Where a request goes: to any member of a group, or to one member. */
import { controlSubject, requestSubject } from '../../messages/index.ts'

export type Destination =
  | { kind: 'group'; service: string; group: string; subject: string }
  | { kind: 'member'; service: string; member: string; subject: string }

export function toGroup(service: string, method: string): Destination {
  return { kind: 'group', service, group: service, subject: requestSubject(service, method) }
}

export function toMember(service: string, member: string): Destination {
  return { kind: 'member', service, member, subject: controlSubject(member) }
}
