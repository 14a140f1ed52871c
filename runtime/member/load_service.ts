/**
 * Loads the file of an extension, in the process that runs it and in the one that reads its protocol. Its
 * `tacit/runtime` is the running package, wherever the file lies, so that there is one `Refusal` class and one runtime.
 */
import { register } from 'node:module'
import { basename, extname } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Protocol } from '../../messages/index.ts'
import { CALLER_KINDS, COMMON_REFUSALS, isService, Refusal, REFUSALS } from '../../messages/index.ts'
import { clientWithin } from '../channel/admission.ts'
import type { ImportRule } from './import_rule.ts'
import type { ExtensionHost, ExtensionService, Service } from './service.ts'
import { isMadeByService } from './service.ts'

/** What an extension may import of this package. */
const PUBLIC_NAMES = ['tacit/runtime', 'tacit/client']

/** The rule's module as Node loads it: built, beside this one. */
const IMPORT_RULE = new URL('import_rule.js', import.meta.url)

/** Names that mean something else in subjects, users of the broker, or callers. */
const BROKER_WORDS = ['plain', 'operator', 'system', 'guest', 'launcher', 'broker', 'constructor']
const SUBJECT_WORDS = ['inbox', 'control', 'roots', 'event', 'tasks', 'audit', 'deadletters']
const RESERVED: readonly string[] = [...CALLER_KINDS, ...BROKER_WORDS, ...SUBJECT_WORDS]
const NAME = /^[a-z][a-z0-9_]{0,31}$/
const METHOD_NAME = /^[a-z][a-z0-9_]{0,62}$/

/**
 * @param path the file, absolute
 * @throws Refusal `unsupported` for TypeScript that this Node does not run; `invalid_request` for a file that cannot be
 * loaded, has no default export made by `service()`, or has a protocol that no deployment could run; `already_exists`
 * for a name that is taken
 */
export async function loadService(path: string): Promise<ExtensionService> {
  const name = basename(path)
  const file = pathToFileURL(path).href
  const own = Object.fromEntries(PUBLIC_NAMES.map((publicName) => [publicName, import.meta.resolve(publicName)]))
  register(IMPORT_RULE, { data: { file, format: formatOf(path), own } satisfies ImportRule })
  let module: { default?: unknown }
  try {
    module = (await import(file)) as { default?: unknown }
  } catch (error) {
    throw new Refusal('invalid_request', `${name} cannot be loaded: ${reasonOf(error)}`, {
      hint: 'mend the file and start again; docs/own_services.md shows how one is written',
      cause: error,
    })
  }
  const { default: made } = module
  if (!isMadeByService(made)) {
    throw new Refusal('invalid_request', `${name} has no default export made by service()`, {
      hint: `end it with: export default service(protocol, async (host) => ({ actor: ... }))`,
    })
  }
  checkExtensionProtocol(made.protocol, name)
  return {
    protocol: made.protocol,
    start: async (host) => checked(await made.start(partOf(host, made.protocol.name)), made.protocol, name),
  }
}

/** What it does not need it does not get, whatever its type says. */
function partOf(host: ExtensionHost, role: string): ExtensionHost {
  const { memberId, settings, clock, log, events, stopping } = host
  return Object.freeze<ExtensionHost>({
    memberId,
    settings,
    clock,
    log,
    events,
    stopping,
    client: (protocol) => clientWithin(protocol, role, host.client(protocol)),
    clientOf: (protocol, member) => clientWithin(protocol, role, host.clientOf(protocol, member)),
  })
}

function formatOf(path: string): ImportRule['format'] {
  const ending = extname(path)
  if (['.js', '.mjs'].includes(ending)) return 'module'
  if (!['.ts', '.mts'].includes(ending)) {
    throw new Refusal('invalid_request', `${basename(path)} is neither JavaScript nor TypeScript`, {
      hint: 'name a .js, .mjs, .ts or .mts file',
    })
  }
  // Types of this Node's own do not know it yet.
  const { typescript } = process.features as { typescript?: string | false }
  if (typescript !== undefined && typescript !== false) return 'module-typescript'
  throw new Refusal(
    'unsupported',
    `${basename(path)} is TypeScript, which this Node (${process.version}) does not run`,
    {
      hint: 'use Node 22.18 or later, or compile the file to JavaScript and name that',
    },
  )
}

/**
 * Judges the protocol of an extension, as far as that goes without the others of the deployment.
 * @throws Refusal `already_exists` for a name that is taken, `invalid_request` for a protocol that no deployment could
 * run
 */
export function checkExtensionProtocol({ name, about, callers, methods }: Protocol, file: string): void {
  const refuse = (problem: string) => {
    throw new Refusal('invalid_request', `${file}: ${problem}`, { hint: 'change the protocol in the file' })
  }
  if (typeof name !== 'string' || !NAME.test(name)) {
    refuse(`"${name}" is no name of a service: 1 to 32 small letters, digits and _, beginning with a letter`)
  }
  if (isService(name) || RESERVED.includes(name)) {
    throw new Refusal('already_exists', `${file}: the name "${name}" is taken by Tacit itself`, {
      hint: 'give the protocol another name',
    })
  }
  if (typeof about !== 'string') refuse(`the protocol "${name}" does not say what it is about`)
  if (!isListOfTexts(callers)) refuse(`the callers of "${name}" are not a list of names`)
  if (typeof methods !== 'object' || methods === null || Object.keys(methods).length === 0) {
    refuse(`the protocol "${name}" has no methods`)
  }
  for (const [method, rule] of Object.entries(methods)) {
    const id = `${name}.${method}`
    if (!METHOD_NAME.test(method)) refuse(`"${method}" is no name of a method: small letters, digits and _`)
    if (typeof rule.about !== 'string') refuse(`${id} does not say what it is about`)
    if (!isSchema(rule.request) || !isSchema(rule.reply)) refuse(`${id} has no schemas of z for request and reply`)
    if (rule.callers !== undefined && !isListOfTexts(rule.callers))
      refuse(`the callers of ${id} are not a list of names`)
    if (!isListOfTexts(rule.refuses)) refuse(`${id} does not list what it refuses with (an empty list will do)`)
    const plain = rule.plain !== undefined && rule.plain !== false
    if (plain && !(rule.callers ?? callers).includes('client')) {
      refuse(`${id} takes plain requests, which come from clients, and is not open to client`)
    }
    const unknown = rule.refuses.find((code) => !Object.hasOwn(REFUSALS, code))
    if (unknown !== undefined) refuse(`${id} refuses with "${unknown}", which is no code of a refusal`)
    const common = rule.refuses.find((code) => COMMON_REFUSALS.includes(code))
    if (common !== undefined) refuse(`${id} lists "${common}", which any method may answer with`)
  }
}

/** @throws Refusal `invalid_request` unless the service has a handler for each method */
function checked(started: Service, protocol: Protocol, file: string): Service {
  // What an extension hands back is checked though it has a type: the file may be JavaScript.
  const handlers = (started as Partial<Service> | undefined)?.actor?.handlers
  const refuse = (problem: string) =>
    new Refusal('invalid_request', `${file}: ${problem}`, { hint: 'change what the file gives to service()' })
  if (handlers === undefined) throw refuse(`its start gives no { actor }`)
  if (started.actor.protocol !== protocol) throw refuse(`its actor is of another protocol than "${protocol.name}"`)
  const missing = Object.keys(protocol.methods).find((method) => typeof handlers[method] !== 'function')
  if (missing !== undefined) throw refuse(`its actor has no handler for ${protocol.name}.${missing}`)
  return started
}

const isListOfTexts = (value: unknown) => Array.isArray(value) && value.every((entry) => typeof entry === 'string')
const isSchema = (value: unknown) => typeof (value as { safeParse?: unknown } | undefined)?.safeParse === 'function'

/** Of an error in somebody's file they want the place, too. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const place = /\(?(file:[^\s)]+:\d+:\d+)\)?/.exec(error.stack ?? '')?.[1]
  return error.message + (place === undefined || place.includes('/import_rule.js') ? '' : ` (${place})`)
}
