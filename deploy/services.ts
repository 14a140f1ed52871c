/**
 * The services of one deployment: those of the house, and the extensions that its operator adds. Broker, manifest,
 * launcher and reference read what they need to know of a service from here.
 */
import { z } from 'zod'
import type { Protocol } from '../messages/index.ts'
import { PROTOCOLS } from '../messages/index.ts'

/** Protocols by the names of their services. */
export type Protocols = Readonly<Record<string, Protocol>>

/** A service that the operator adds, as its file describes it. */
export interface Extension {
  name: string
  /** The file, absolute. */
  path: string
  /** What the broker must know of it: callers and names of methods. Its schemas stay with its members. */
  protocol: Protocol
}

/** What a manifest has a role for: a service of the house, or with `path` the file of an extension. */
export type MeasuredService = Pick<Extension, 'name'> & Partial<Pick<Extension, 'path'>>

export function protocolsOf(extensions: readonly Extension[]): Protocols {
  return { ...PROTOCOLS, ...Object.fromEntries(extensions.map(({ name, protocol }) => [name, protocol])) }
}

/** Every service of the deployment, those of the house first. */
export function measuredServices(extensions: readonly Extension[]): MeasuredService[] {
  return [...Object.keys(PROTOCOLS).map((name) => ({ name })), ...extensions.map(({ name, path }) => ({ name, path }))]
}

/** What of a protocol fits a message between processes. */
export const protocolNote = z.strictObject({
  name: z.string(),
  about: z.string(),
  callers: z.array(z.string()),
  methods: z.record(z.string(), z.strictObject({ about: z.string(), callers: z.array(z.string()) })),
})
export type ProtocolNote = z.infer<typeof protocolNote>

/** A protocol that says who may ask what, and takes anything. */
export function protocolFrom({ methods, ...note }: ProtocolNote): Protocol {
  const open = { request: z.unknown(), reply: z.unknown(), refuses: [] }
  return {
    ...note,
    methods: Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, { ...open, ...method }])),
  }
}
