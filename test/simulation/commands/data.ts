/** Commands about data. */
import { createId } from '../../../messages/index.ts'
import type { Datum, Rule } from '../model/world.ts'
import type { Kind } from './intent.ts'
import type { Resolve, Scene, Wish } from './scene.ts'
import { actor, CREW, crewId, crewOf, pick } from './scene.ts'

const SCHEMES = ['aes-gcm-256', 'aes-gcm-128', 'teaclave-file-128']

/** A data owner or manager; where odd, anybody. */
export const party = (scene: Scene, number: number) =>
  actor(scene, number, 'DataOwner', 'DataOwnerManager', 'DataOwner')

/** Most data has no rule; some rules hold, some never do, some only when there is a worker. */
function ruleFor(scene: Scene, owners: readonly string[]): { rule?: Rule } {
  const everybody = CREW.map(([name]) => crewId(scene, name))
  const rules: readonly Rule[] = [
    { name: 'with_everybody', parties: everybody, executors: ['builtin', 'python'] },
    { name: 'among_us', parties: owners },
    { name: 'no_builtin', executors: ['wasm'] },
    { name: 'other_platform', platforms: ['another_one'] },
    { name: 'this_platform', platforms: ['simulated'] },
    { name: 'without_me', parties: [crewId(scene, 'olga')] },
  ]
  const { c } = scene.intent
  return c % 6 === 0 ? { rule: pick(rules.slice(0, scene.odd ? 6 : 5), Math.floor(c / 6))! } : {}
}

export function registerInput(scene: Scene, by: string): Wish {
  const request = { file: scene.intent.b % scene.files.length, ...ruleFor(scene, [by]) }
  return { by, method: 'register_input_file', request }
}

export function registerOutput(scene: Scene, by: string): Wish {
  const url = scene.odd && scene.intent.b % 2 === 0 ? 'data:;base64,AAAA' : scene.freshUrl()
  const crypto = { scheme: pick(SCHEMES, scene.intent.b)! }
  return { by, method: 'register_output_file', request: { url, crypto, ...ruleFor(scene, [by]) } }
}

export function registerFusion(scene: Scene, by: string, owners: readonly string[]): Wish {
  return { by, method: 'register_fusion_output', request: { owners, ...ruleFor(scene, owners) } }
}

const fusion: Resolve = (scene) => {
  const by = party(scene, scene.intent.a)
  const others = crewOf(scene, 'DataOwner', 'DataOwnerManager').map(({ id }) => id)
  const second =
    pick(
      others.filter((id) => id !== by),
      scene.intent.b,
    ) ?? by
  return registerFusion(scene, by, scene.odd ? [second, second] : [second, by])
}

function onData(
  scene: Scene,
  method: string,
  isApt: (id: string, datum: Datum) => boolean,
  kind?: string,
): Wish | undefined {
  const { guess, intent } = scene
  const all = [...guess.data].filter(([id]) => kind === undefined || id.startsWith(kind))
  const apt = all.filter(([id, datum]) => !datum.deleted && isApt(id, datum))
  const [id, datum] = pick(scene.odd ? all : apt, intent.a) ?? []
  if (id === undefined && !scene.odd) return undefined
  const by = scene.odd ? party(scene, intent.b) : (pick(datum?.owners ?? [], intent.b) ?? party(scene, intent.b))
  const data_id = id ?? createId(kind === 'output' ? 'output' : 'input', 'nothing')
  return { by, method, request: { data_id } }
}

const get: Resolve = (scene) => {
  const kind = scene.intent.c % 2 === 0 ? 'input' : 'output'
  return onData(scene, `get_${kind}_file`, () => true, kind)
}

const moveInput: Resolve = (scene) => {
  const wish = onData(scene, 'update_input_file', (_id, { owners }) => owners.length === 1, 'input')
  if (wish === undefined) return undefined
  const url = scene.guess.data.get(String(wish.request['data_id']))?.url ?? scene.freshUrl()
  return { ...wish, request: { ...wish.request, url } }
}

const moveOutput: Resolve = (scene) => {
  const isFree = (_id: string, { owners, task }: Datum) => owners.length === 1 && task === undefined
  const wish = onData(scene, 'update_output_file', isFree, 'output')
  return wish && { ...wish, request: { ...wish.request, url: scene.freshUrl() } }
}

const list: Resolve = (scene) => {
  const { a, b, c } = scene.intent
  const filters = [{}, { kind: 'input' }, { kind: 'output' }, { produced: true }, { kind: 'output', produced: false }]
  return { by: party(scene, a), method: 'list_data', request: { limit: 1 + (c % 20), ...pick(filters, b) } }
}

export const DATA_WISHES = {
  register_input_file: (scene) => registerInput(scene, party(scene, scene.intent.a)),
  register_output_file: (scene) => registerOutput(scene, party(scene, scene.intent.a)),
  register_fusion_output: fusion,
  update_input_file: moveInput,
  update_output_file: moveOutput,
  register_input_from_output: (scene) =>
    onData(scene, 'register_input_from_output', (_id, { tag }) => tag !== undefined, 'output'),
  get_data: get,
  list_data: list,
  // Seldom apt to be deleted; what waits for its task is what others want.
  delete_data: (scene) =>
    onData(scene, 'delete_data', (_id, { task, content }) => task !== undefined || content !== undefined),
} as const satisfies Partial<Record<Kind, Resolve>>
