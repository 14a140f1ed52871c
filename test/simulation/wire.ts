/** A command of the model as the platform takes it, and an answer of the platform as the model takes it. */
import { isDeepStrictEqual } from 'node:util'
import type { TacitConnection } from '../../client/index.ts'
import { createFileCrypto } from '../../client/index.ts'
import type { OutputScheme } from '../../messages/index.ts'
import { frontend, Refusal } from '../../messages/index.ts'
import type { Call, Observed } from './model/answer.ts'
import type { StoredFile } from './model/data.ts'
import { FUNCTIONS } from './model/functions.ts'

/** A file of the model, with what the platform is told of it. */
export interface WireFile extends StoredFile {
  wire: { url: string; tag: Uint8Array; crypto: object }
}

const LISTS: Readonly<Record<string, string>> = {
  list_functions: 'functions',
  list_data: 'data',
  list_tasks: 'tasks',
  list_users: 'users',
}
export const isList = (method: string) => Object.hasOwn(LISTS, method)
const PAGES_MAX = 500

type Method = (request: object) => Promise<unknown>

/**
 * Sends a command, and waits for its answer. Of a list all pages are read.
 * @param isOurs which entries of lists belong to this history
 * @throws what is no refusal
 */
export async function send(
  connection: TacitConnection,
  call: Call,
  files: readonly WireFile[],
  isOurs: (entry: string) => boolean,
): Promise<Omit<Observed, 'sentAtMs'>> {
  const { method, session = '' } = call
  const isOfFrontend = Object.hasOwn(frontend.methods, method)
  const target = (isOfFrontend ? connection.as({ token: session }) : connection.authentication) as unknown
  const ask = (request: object) =>
    (target as Record<string, Method>)[method]!(
      isOfFrontend || method === 'user_login' ? request : { session, ...request },
    )
  try {
    const request = toWire(call, files)
    return {
      code: 'ok',
      reply: plain(isList(method) ? await readAll(method, request, ask, isOurs) : await ask(request)),
    }
  } catch (error) {
    if (error instanceof Refusal) return { code: error.code }
    throw error
  }
}

function toWire({ method, request }: Call, files: readonly WireFile[]): Record<string, unknown> {
  if (request['malformed'] === true) return request['body'] as Record<string, unknown>
  if (method === 'register_function' || method === 'update_function') {
    const { variant, ...rest } = request
    const kind = FUNCTIONS[Number(variant)] ?? { ...FUNCTIONS[0], name: 'builtin-nothing' }
    return { ...kind, ...rest, executor: 'builtin' }
  }
  if (method === 'register_input_file') {
    const { file, ...rest } = request
    return { ...files[Number(file)]!.wire, ...rest }
  }
  if (method === 'register_output_file') {
    const { scheme } = request['crypto'] as { scheme: OutputScheme }
    return { ...request, crypto: createFileCrypto(scheme) }
  }
  return request
}

/** All pages as one reply; the entries of other histories on the same platform left out. */
async function readAll(
  method: string,
  request: Record<string, unknown>,
  ask: Method,
  isOurs: (entry: string) => boolean,
): Promise<object> {
  const field = LISTS[method]!
  const entries: Record<string, unknown>[] = []
  let after: object = {}
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const reply = (await ask({ ...request, ...after })) as Record<string, unknown>
    entries.push(...(reply[field] as Record<string, unknown>[]))
    if (reply['next'] === undefined) break
    after = { after: reply['next'] }
  }
  const ids = entries.map(idOf)
  const inOrder = method === 'list_tasks' ? isNewestFirst(entries) : isDeepStrictEqual(ids, ids.toSorted())
  if (!inOrder || new Set(ids).size !== ids.length) throw new Error(`${method} gave pages out of order, or overlapping`)
  const own = entries.filter((entry) => isOurs(idOf(entry)))
  return { [field]: own.sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1)) }
}

function idOf(entry: Record<string, unknown>): string {
  return String(entry['function_id'] ?? entry['data_id'] ?? entry['task_id'] ?? entry['id'])
}

function isNewestFirst(entries: readonly Record<string, unknown>[]): boolean {
  const times = entries.map((entry) => Number(entry['created_at']))
  return times.every((time, at) => at === 0 || times[at - 1]! >= time)
}

/** A copy in which byte strings are base64. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field)]))
}
