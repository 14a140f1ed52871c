/**
 * The services of one deployment: the built-in ones, and the extensions that its operator adds. The broker, the
 * manifest, the launcher and the reference learn from here what they need to know about a service.
 */
import { z } from 'zod'
import type { Protocol } from '../messages/index.ts'
import { PROTOCOLS } from '../messages/index.ts'

/** Protocols by the names of their services. */
export type Protocols = Readonly<Record<string, Protocol>>

/** A service that the operator adds, as its file describes it. */
export interface Extension {
  name: string
  /** The absolute path of the file. */
  path: string
  /** What the broker must know of it: its callers and the names of its methods. Only its members have its schemas. */
  protocol: Protocol
}

/** A service that has a role in the manifest: a built-in one, or, with `path`, the file of an extension. */
export type MeasuredService = Pick<Extension, 'name'> & Partial<Pick<Extension, 'path'>>

export function protocolsOf(extensions: readonly Extension[]): Protocols {
  return { ...PROTOCOLS, ...Object.fromEntries(extensions.map(({ name, protocol }) => [name, protocol])) }
}

/** Every service of the deployment, the built-in ones first. */
export function measuredServices(extensions: readonly Extension[]): MeasuredService[] {
  return [...Object.keys(PROTOCOLS).map((name) => ({ name })), ...extensions.map(({ name, path }) => ({ name, path }))]
}

/** The part of a protocol that one process can send to another as a message: everything but the schemas. */
export const protocolNote = z.strictObject({
  name: z.string(),
  about: z.string(),
  callers: z.array(z.string()),
  methods: z.record(z.string(), z.strictObject({ about: z.string(), callers: z.array(z.string()) })),
})
export type ProtocolNote = z.infer<typeof protocolNote>

/** A protocol that says which callers may call which methods, and accepts any request and reply. */
export function protocolFrom({ methods, ...note }: ProtocolNote): Protocol {
  const open = { request: z.unknown(), reply: z.unknown(), refuses: [] }
  return {
    ...note,
    methods: Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, { ...open, ...method }])),
  }
}
