/** Commands about users and sessions. */
import type { Role } from '../../../messages/index.ts'
import type { User } from '../model/world.ts'
import type { Kind } from './intent.ts'
import type { Resolve, Scene, Wish } from './scene.ts'
import { actor, crewId, crewOf, organisation, pick } from './scene.ts'

/** Who comes and goes. */
const EXTRAS = 5
const ROLES: readonly Role[] = [
  'DataOwner',
  'DataOwner',
  'DataOwner',
  'FunctionOwner',
  'DataOwnerManager',
  'PlatformAdmin',
]

const extraId = ({ prefix }: Scene, number: number) => `${prefix}x${number % EXTRAS}`

function extras(scene: Scene): User[] {
  const ids = Array.from({ length: EXTRAS }, (_, number) => extraId(scene, number))
  return ids.flatMap((id) => scene.guess.users.get(id) ?? [])
}

/** An admin, or a manager; where odd, anybody. */
const keeper = (scene: Scene, number: number) => actor(scene, number, 'PlatformAdmin', 'DataOwnerManager')

/** Whom a keeper may do something to; where odd, anybody who comes and goes, also when he is not there. */
function target(scene: Scene, by: string, number: number): string | undefined {
  if (scene.odd) return extraId(scene, number)
  const { role, attribute } = scene.guess.users.get(by)!
  const own = extras(scene).filter((user) => user.role === 'DataOwner' && user.attribute === attribute)
  return pick(role === 'PlatformAdmin' ? extras(scene) : own, number)?.id
}

function position(scene: Scene, by: string, number: number): { role: Role; attribute?: string } {
  const keeping = scene.guess.users.get(by)!
  if (keeping.role === 'DataOwnerManager' && !scene.odd) return { role: 'DataOwner', attribute: keeping.attribute! }
  const role = pick(ROLES, number)!
  const fits = role.startsWith('Data') !== (scene.odd && number % 3 === 0)
  return fits ? { role, attribute: organisation(scene, number % 2 === 0 ? 'acme' : 'rival') } : { role }
}

const login: Resolve = (scene) => {
  const { a, b } = scene.intent
  if (scene.odd && b % 4 === 0) return guess(scene, `${scene.prefix}ghost`)
  const user = pick([...scene.guess.users.values()], a)
  if (user === undefined) return undefined
  return scene.odd ? guess(scene, user.id) : { method: 'user_login', request: { id: user.id, password: user.password } }
}

function guess(scene: Scene, id: string): Wish | undefined {
  return scene.mayGuess(id) ? { method: 'user_login', request: { id, password: 'a wrong guess' } } : undefined
}

const register: Resolve = (scene) => {
  const { a, b, c } = scene.intent
  const by = keeper(scene, a)
  const id = extraId(scene, b)
  if (!scene.mayChangePassword(id)) return undefined
  return { by, method: 'user_register', request: { id, password: `first word ${c}`, ...position(scene, by, c) } }
}

const update: Resolve = (scene) => {
  const { a, b, c } = scene.intent
  const by = keeper(scene, a)
  const id = target(scene, by, b)
  if (id === undefined) return undefined
  const change = c % 3 === 0 ? { password: `another word ${c}` } : position(scene, by, c)
  return 'password' in change && !scene.mayChangePassword(id)
    ? undefined
    : { by, method: 'user_update', request: { id, ...change } }
}

const changePassword: Resolve = (scene) => {
  const { a, c } = scene.intent
  const user = pick([...scene.guess.users.values()], a)
  if (user === undefined || !scene.mayChangePassword(user.id) || (scene.odd && !scene.mayGuess(user.id)))
    return undefined
  const current_password = scene.odd ? 'a wrong guess' : user.password
  return { by: user.id, method: 'user_change_password', request: { current_password, password: `own word ${c}` } }
}

const reset: Resolve = (scene) => {
  const { a, b } = scene.intent
  const by = keeper(scene, a)
  const id = target(scene, by, b)
  if (id === undefined || !scene.mayChangePassword(id)) return undefined
  return { by, method: 'reset_user_password', request: { id } }
}

const remove: Resolve = (scene) => {
  const { a, b } = scene.intent
  const by = keeper(scene, a)
  const id = target(scene, by, b)
  return id === undefined ? undefined : { by, method: 'delete_user', request: { id } }
}

const list: Resolve = (scene) => {
  const { a, b, c } = scene.intent
  const by = keeper(scene, a)
  const own = scene.guess.users.get(by)?.attribute ?? organisation(scene, 'acme')
  const attribute = scene.odd ? organisation(scene, 'rival') : own
  return { by, method: 'list_users', request: { limit: 1 + (c % 20), ...(b % 2 === 0 ? { attribute } : {}) } }
}

const stolen: Resolve = (scene) => {
  const by = pick(crewOf(scene, 'DataOwner', 'DataOwnerManager', 'PlatformAdmin'), scene.intent.a)?.id
  if (by === undefined) return undefined
  return {
    by,
    stolen: true,
    method: pick(['list_tasks', 'user_logout', 'get_policy', 'list_users'], scene.intent.b)!,
    request: {},
  }
}

const logout: Resolve = (scene) => {
  const user = pick([...scene.guess.users.values()], scene.intent.a)
  return { by: user?.id ?? crewId(scene, 'root'), method: 'user_logout', request: {} }
}

export const USER_WISHES = {
  login,
  logout,
  register_user: register,
  update_user: update,
  change_password: changePassword,
  reset_password: reset,
  delete_user: remove,
  list_users: list,
  stolen_session: stolen,
} as const satisfies Partial<Record<Kind, Resolve>>
