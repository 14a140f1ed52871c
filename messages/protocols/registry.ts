/**
 * This drawer holds what each service may be asked: one file a service, and here the registry of them all. A service
 * that an operator adds to a deployment is in no registry; it is called an extension.
 */
import { fromKeys, mapValues } from '../fields.ts'
import type { Protocol } from '../protocol.ts'
import * as services from './services.ts'

type Exported = typeof services
type Protocols = { readonly [K in keyof Exported as Exported[K] extends Protocol<K & string> ? K : never]: Exported[K] }

/** What of the files is a protocol; the type says the same of it. */
const names = Object.keys(services).filter((name) => isProtocolOf(name)) as (keyof Protocols)[]

/** The protocol of each service by its name. */
export const PROTOCOLS: Protocols = Object.freeze(
  mapValues<Record<keyof Protocols, keyof Protocols>, Protocols>(
    fromKeys(names, (name) => name),
    (name) => services[name],
  ),
)

export type ServiceName = keyof Protocols
export const SERVICES = Object.keys(PROTOCOLS) as readonly ServiceName[] // the keys are just these

/** True for a service of the house, false for an extension and for a client. */
export function isService(name: string): name is ServiceName {
  return Object.hasOwn(PROTOCOLS, name)
}

/** What a protocol may write among its callers instead of a service's name, and no service may be called. */
export const CALLER_KINDS: readonly string[] = ['client', 'member', 'extension']

/** True for the role of a service that an operator added: neither a client's nor a service's of the house. */
export function isExtension(role: string): boolean {
  return !isService(role) && !CALLER_KINDS.includes(role)
}

/** Whether a protocol with these callers lets somebody of this role ask. */
export function callersInclude(callers: readonly string[], role: string): boolean {
  if (callers.includes(role)) return true
  if (role === 'client') return false
  return callers.includes('member') || (callers.includes('extension') && isExtension(role))
}

/** A protocol is exported under its own name; what else the files export are parts of protocols. */
function isProtocolOf(name: string): boolean {
  const value: unknown = services[name as keyof Exported]
  return typeof value === 'object' && value !== null && 'methods' in value && 'name' in value && value.name === name
}
