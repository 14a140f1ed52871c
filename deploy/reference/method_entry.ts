/**
 * Lists every method of every protocol, with what a reader wants to know about each. It decides nothing and writes
 * nothing.
 */
import { z } from 'zod'
import type { Method, Protocol, Role } from '../../messages/index.ts'
import { callersOf, defined, requestSubject, ROLES } from '../../messages/index.ts'

export interface MethodEntry {
  /** `<service>.<method>` */
  id: string
  service: string
  name: string
  subject: string
  method: Method
  /** Services by their role; `member` means any service, `client` an outside party. */
  callers: readonly string[]
  /** The roles of users that may call the method; absent if it asks for no role. */
  roles?: readonly Role[]
  /** The JSON body of a plain request; absent if the method accepts only envelopes. */
  plain?: z.ZodType
  needsSession: boolean
  /** The method that users call and whose whole request is forwarded to this one. */
  forwardOf?: string
}

/** Whether access control lets a role call a method of the frontend. */
export type MayCall = (role: Role, method: string) => boolean

export function methodEntries(protocols: readonly Protocol[], mayCall: MayCall): MethodEntry[] {
  const entries = protocols.flatMap((protocol) =>
    Object.entries(protocol.methods).map(([name, method]): MethodEntry => {
      const plain = plainBody(method)
      return {
        id: `${protocol.name}.${name}`,
        service: protocol.name,
        name,
        subject: requestSubject(protocol.name, name),
        method,
        callers: callersOf(protocol, name),
        ...(protocol.name === 'frontend' ? { roles: ROLES.filter((role) => mayCall(role, name)) } : {}),
        ...defined({ plain }),
        needsSession: fieldOf(method.request, 'session') !== undefined,
      }
    }),
  )
  return entries.map((entry) => {
    const inner = fieldOf(entry.method.request, 'request')
    const outer = entries.find(({ name, plain }) => name === entry.name && plain !== undefined && plain === inner)
    return outer === undefined || outer === entry ? entry : { ...entry, forwardOf: outer.id }
  })
}

/** True if a user can call the method with a plain `nats req`. Other methods are for services, or need the SDK. */
export function isForUsers({ plain, callers }: MethodEntry): boolean {
  return plain !== undefined && callers.includes('client')
}

/** The body of a plain request. It has no session, because the header carries the session. */
function plainBody({ plain, plainField, request }: Method): z.ZodType | undefined {
  if (plain === undefined || plain === false) return undefined
  if (plainField !== undefined) return fieldOf(request, plainField)
  if (!(request instanceof z.ZodObject) || fieldOf(request, 'session') === undefined) return request
  return request.omit({ session: true })
}

function fieldOf(schema: z.ZodType, name: string): z.ZodType | undefined {
  if (!(schema instanceof z.ZodObject)) return undefined
  const shape: Record<string, z.ZodType> = schema.shape
  return shape[name]
}
