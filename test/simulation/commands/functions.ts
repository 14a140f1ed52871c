/** Commands about functions, and about the platform. */
import { createId } from '../../../messages/index.ts'
import { FUNCTIONS, mayUse } from '../model/functions.ts'
import type { Fn } from '../model/world.ts'
import type { Kind } from './intent.ts'
import type { Resolve, Scene, Wish } from './scene.ts'
import { actor, crewId, organisation, pick } from './scene.ts'

function specOf(scene: Scene): Record<string, unknown> {
  const { a, b, c } = scene.intent
  const allowlists = [[], [crewId(scene, 'alice'), crewId(scene, 'bob')], [`org:${organisation(scene, 'acme')}`]]
  const isOdd = scene.odd && c % 2 === 0
  return {
    // Half of them take files.
    variant: isOdd && c % 4 === 0 ? FUNCTIONS.length : a % 2 === 0 ? FUNCTIONS.length - 1 : a % FUNCTIONS.length,
    public: b % 5 > 1,
    allowlist: isOdd && c % 4 !== 0 ? ['nobody, to be sure'] : (pick(allowlists, b) ?? []),
    ...(c % 4 === 0 ? { quota: c % 3 } : {}),
  }
}

function chosen(scene: Scene, by: string, isWanted: (fn: Fn) => boolean): string {
  const { guess, intent } = scene
  const all = [...guess.functions]
  const apt = all.filter(([, fn]) => !fn.deleted && isWanted(fn))
  const found = pick(scene.odd ? all : apt, intent.b)?.[0]
  return found ?? createId('function', `no function of ${by}`)
}

const owned = (scene: Scene, method: string, request: (scene: Scene) => object = () => ({})): Wish => {
  const owners = [...new Set([...scene.guess.functions.values()].filter((fn) => !fn.deleted).map((fn) => fn.owner))]
  const by = scene.odd ? actor(scene, scene.intent.a) : (pick(owners, scene.intent.a) ?? crewId(scene, 'olga'))
  return { by, method, request: { function_id: chosen(scene, by, (fn) => fn.owner === by), ...request(scene) } }
}

const seen = (scene: Scene, method: string): Wish => {
  const by = actor(scene, scene.intent.a, 'PlatformAdmin', 'FunctionOwner', 'DataOwner', 'DataOwnerManager')
  const { role, attribute } = scene.guess.users.get(by)!
  const sees = (fn: Fn) => role === 'PlatformAdmin' || mayUse({ id: by, attribute }, fn)
  return { by, method, request: { function_id: chosen(scene, by, sees) } }
}

const register: Resolve = (scene) => ({
  by: actor(scene, scene.intent.c, 'FunctionOwner', 'PlatformAdmin'),
  method: 'register_function',
  request: specOf(scene),
})

const list: Resolve = (scene) => {
  const { a, b, c } = scene.intent
  return {
    by: actor(scene, a, 'PlatformAdmin', 'FunctionOwner', 'DataOwner', 'DataOwnerManager'),
    method: 'list_functions',
    request: {
      limit: 1 + (c % 20),
      ...(b % 3 === 0 ? { owner: crewId(scene, b % 2 === 0 ? 'olga' : 'frank') } : {}),
      ...(b % 5 === 0 ? { name: pick(FUNCTIONS, b)!.name } : {}),
    },
  }
}

const KEEPING: readonly [string, object][] = [
  ['get_policy', {}],
  ['query_audit_log', { limit: 3 }],
  ['put_policy', { replaces: 1_000_000, documents: {} }],
  ['revoke_member', { member: 'management-nobody' }],
  ['verify_audit_log', {}],
]

const keepPlatform: Resolve = (scene) => {
  const [method, request] = pick(KEEPING.slice(0, scene.intent.c % 10 === 0 ? 5 : 4), scene.intent.b)!
  return { by: actor(scene, scene.intent.a, 'PlatformAdmin'), method, request: { ...request } }
}

/** Requests of another form, by method: refused before anybody looks at who asks. */
const MALFORMED: readonly [string, object][] = [
  ['get_task', { task_id: createId('function') }],
  ['get_input_file', { data_id: createId('output') }],
  ['create_task', { function_id: createId('function'), colour: 'blue' }],
  ['register_output_file', { url: 'gopher://hole', crypto: { scheme: 'raw' } }],
  ['user_register', { id: 'someone', password: 'short', role: 'DataOwner' }],
  ['approve_task', { task_id: createId('task'), terms_digest: 'none' }],
  ['list_data', { kind: 'task' }],
]

const malformed: Resolve = (scene) => {
  const [method, body] = pick(MALFORMED, scene.intent.b)!
  return { by: actor(scene, scene.intent.a, 'PlatformAdmin'), method, request: { malformed: true, body } }
}

export const FUNCTION_WISHES = {
  register_function: register,
  update_function: (scene) => owned(scene, 'update_function', specOf),
  get_function: (scene) => seen(scene, 'get_function'),
  get_function_usage: (scene) => seen(scene, 'get_function_usage'),
  disable_function: (scene) => owned(scene, 'disable_function'),
  delete_function: (scene) => owned(scene, 'delete_function'),
  list_functions: list,
  keep_platform: keepPlatform,
  malformed,
} as const satisfies Partial<Record<Kind, Resolve>>
