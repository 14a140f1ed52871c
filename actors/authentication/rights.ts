/**
 * Who may do what to whom: the table of users and roles as pure functions. Each refuses or returns; none reads or
 * writes. Of a user outside their organisation, a manager learns only that it is not theirs, whether there is such a
 * user or not.
 */
import type { Role } from '../../messages/index.ts'
import { Refusal } from '../../messages/index.ts'

/** A user as far as rights go. */
export interface Person {
  id: string
  role: Role
  attribute: string | null
}

/** What a user is, or is to become. */
export type Position = Pick<Person, 'role' | 'attribute'>

const ROLES_WITH_ATTRIBUTE: readonly Role[] = ['DataOwnerManager', 'DataOwner']

/** Refuses a data owner without an organisation, and an organisation for anyone else. */
export function checkPosition({ role, attribute }: Position): void {
  const wanted = ROLES_WITH_ATTRIBUTE.includes(role)
  if (wanted === (attribute !== null)) return
  throw new Refusal('invalid_request', `a ${role} has ${wanted ? 'an' : 'no'} attribute`, {
    hint: wanted ? 'name the organisation in "attribute"' : 'leave "attribute" out',
    field: 'attribute',
  })
}

/** The position after an update; a role without an organisation drops the old one. */
export function updatedPosition(
  before: Position,
  change: { role?: Role | undefined; attribute?: string | undefined },
): Position {
  const role = change.role ?? before.role
  const kept = ROLES_WITH_ATTRIBUTE.includes(role) ? before.attribute : null
  return { role, attribute: change.attribute ?? kept }
}

export function checkRegister(caller: Person, position: Position): void {
  if (caller.role === 'PlatformAdmin' || isOwnDataOwner(caller, position)) return
  throw forbidden(caller, 'register', describe(position))
}

/** Refuses those who manage nobody, before anything is looked up or hashed for them. */
export function checkManages(caller: Person): void {
  if (caller.role !== 'PlatformAdmin' && !isManager(caller)) throw forbidden(caller, 'manage', 'users')
}

/**
 * A manager's data owner must be one before the update and still one after it, or it could be promoted in two steps.
 */
export function checkUpdate(caller: Person, before: Position | undefined, after: Position | undefined): void {
  if (caller.role === 'PlatformAdmin') return
  if (before !== undefined && after !== undefined && isOwnDataOwner(caller, before) && isOwnDataOwner(caller, after))
    return
  throw forbidden(caller, 'update', 'this user in this way')
}

export function checkResetPassword(caller: Person, target: Position | undefined): void {
  checkOwned(caller, 'reset the password of', target)
}

export function checkDelete(caller: Person, target: Position | undefined): void {
  checkOwned(caller, 'delete', target)
}

/** The organisation whose users the caller is shown; undefined for all. */
export function visibleAttribute(caller: Person, asked: string | undefined): string | undefined {
  if (caller.role === 'PlatformAdmin') return asked
  if (isManager(caller) && (asked === undefined || asked === caller.attribute)) return caller.attribute
  throw forbidden(caller, 'list', asked === undefined ? 'users' : 'the users of another organisation')
}

/** @param admins the ids of all admins */
export function checkNotLastAdmin(id: string, admins: readonly string[]): void {
  if (admins.length > 1 || !admins.includes(id)) return
  throw new Refusal('forbidden', `${id} is the last admin`, { hint: 'make another user an admin first' })
}

function checkOwned(caller: Person, verb: string, target: Position | undefined): void {
  if (caller.role === 'PlatformAdmin') return
  if (target !== undefined && isOwnDataOwner(caller, target)) return
  throw forbidden(caller, verb, 'this user')
}

function isManager(caller: Person): caller is Person & { attribute: string } {
  return caller.role === 'DataOwnerManager' && caller.attribute !== null
}

function isOwnDataOwner(caller: Person, position: Position): boolean {
  return isManager(caller) && position.role === 'DataOwner' && position.attribute === caller.attribute
}

function describe({ role, attribute }: Position): string {
  return attribute === null ? `a ${role}` : `a ${role} of ${attribute}`
}

function forbidden(caller: Person, verb: string, whom: string): Refusal {
  return new Refusal('forbidden', `${describe(caller)} may not ${verb} ${whom}`, {
    hint:
      caller.role === 'DataOwnerManager'
        ? 'a manager looks after the data owners of its own organisation'
        : 'ask an admin',
  })
}
