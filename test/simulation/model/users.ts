/** Users in the model: who may do what to whom, and which sessions end by it. */
import type { Role } from '../../../messages/index.ts'
import type { Answer, Handle, Observed, Who } from './answer.ts'
import { DONE, refuse, reply, told } from './answer.ts'
import type { User, World } from './world.ts'

interface Target {
  id: string
}

const isDataRole = (role: Role) => role === 'DataOwner' || role === 'DataOwnerManager'
const isAdmin = (who: Who) => who.role === 'PlatformAdmin'
const manages = (who: Who, target: { role: Role; attribute: string | null } | undefined) =>
  isAdmin(who) ||
  (who.role === 'DataOwnerManager' && target?.role === 'DataOwner' && target.attribute === who.attribute)
const fits = (role: Role, attribute: string | null) => isDataRole(role) === (attribute !== null)

function endSessions(world: World, user: string): void {
  for (const [token, session] of world.sessions) {
    if (session.user === user && !session.over) {
      world.sessions.set(token, { ...session, over: true, overSinceMs: Number.POSITIVE_INFINITY })
    }
  }
}

function change(world: World, user: User): Answer {
  world.users.set(user.id, user)
  endSessions(world, user.id)
  return DONE
}

/** For what is done to a user that is there, by who may. */
function withTarget(world: World, who: Who, { id }: Target, act: (target: User) => Answer): Answer {
  const target = world.users.get(id)
  if (!manages(who, target)) return refuse('forbidden')
  return target === undefined ? refuse('not_found') : act(target)
}

/** Login has no session, so it stands apart. */
export function login(world: World, { id, password }: Target & { password: string }, observed: Observed): Answer {
  const user = world.users.get(id)
  if (user?.password !== password) return refuse('wrong_credentials')
  const { role, attribute } = user
  const session = { user: id, role, attribute, over: false, overSinceMs: Number.POSITIVE_INFINITY }
  const token = told(observed, 'token')
  world.sessions.set(token, session)
  const { expires_at } = (observed.reply ?? {}) as { expires_at?: number }
  return reply({ token, expires_at })
}

type Registration = Target & { password: string; role: Role; attribute?: string }
type Update = Target & { password?: string; role?: Role; attribute?: string }

export const USERS = {
  user_register(world, who, { id, password, role, attribute: given }: Registration) {
    const attribute = given ?? null
    if (!manages(who, { role, attribute })) return refuse('forbidden')
    if (!fits(role, attribute)) return refuse('invalid_request')
    const former = world.former.get(id)
    const isTaken = former !== undefined
    if (world.users.has(id) || isTaken) return refuse('already_exists')
    world.users.set(id, { id, role, attribute, password })
    return DONE
  },

  user_update(world, who, request: Update) {
    return withTarget(world, who, request, (before) => {
      const role = request.role ?? before.role
      const attribute = request.attribute ?? (isDataRole(role) ? before.attribute : null)
      if (!manages(who, { role, attribute })) return refuse('forbidden')
      if (!fits(role, attribute)) return refuse('invalid_request')
      const isSame = role === before.role && attribute === before.attribute && request.password === undefined
      return isSame
        ? DONE
        : change(world, { ...before, role, attribute, password: request.password ?? before.password })
    })
  },

  user_change_password(world, who, request: { current_password: string; password: string }) {
    const user = world.users.get(who.id)
    if (user === undefined) return refuse('unauthenticated')
    if (user.password !== request.current_password) return refuse('wrong_credentials')
    return change(world, { ...user, password: request.password })
  },

  reset_user_password(world, who, request: Target, observed) {
    return withTarget(world, who, request, (user) => {
      const password = told(observed, 'password')
      // At least 128 bits, in an alphabet of 64.
      if (observed.code === 'ok' && password.length < 22) return refuse('a longer password')
      change(world, { ...user, password })
      return reply({ password })
    })
  },

  delete_user(world, who, request: Target) {
    return withTarget(world, who, request, ({ id, role, attribute }) => {
      endSessions(world, id)
      world.former.set(id, { role, attribute })
      world.users.delete(id)
      return DONE
    })
  },

  list_users(world, who, { attribute }: { attribute?: string }, observed) {
    const own = who.role === 'DataOwnerManager' && (attribute === undefined || attribute === who.attribute)
    if (!isAdmin(who) && !own) return refuse('forbidden')
    const wanted = isAdmin(who) ? attribute : who.attribute
    const times = new Map(
      ((observed.reply as { users?: { id: string; created_at: number }[] })?.users ?? []).map((user) => [
        user.id,
        user.created_at,
      ]),
    )
    const users = [...world.users.values()]
      .filter((user) => wanted === undefined || user.attribute === wanted)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
    return reply({
      users: users.map(({ id, role, attribute: organisation }) => ({
        id,
        role,
        attribute: organisation,
        created_at: times.get(id),
      })),
    })
  },
} as const satisfies Record<string, Handle>
