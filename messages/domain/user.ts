/** Users and roles, as tokens and records carry them. */
import { z } from 'zod'
import { userId } from '../ids.ts'

export const ROLES = ['PlatformAdmin', 'FunctionOwner', 'DataOwnerManager', 'DataOwner'] as const
export const role = z.enum(ROLES).meta({ description: 'What a user may do on the platform.', examples: ['DataOwner'] })
/** What a user may do on the platform. */
export type Role = z.infer<typeof role>

export const attribute = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be 1 to 64 letters, digits, . _ -')
  .meta({
    description: 'An organisation; required for the two data owner roles, absent for the others.',
    examples: ['acme'],
  })

export const password = z
  .string()
  .refine((text) => {
    const length = Buffer.byteLength(text)
    return length >= 8 && length <= 1024
  }, 'must be 8 to 1024 bytes')
  .meta({ description: 'A password of 8 to 1024 bytes.', examples: ['a long password of alice'] })

/** Whose request it is, as the frontend read it from a verified token. */
export const callerIdentity = z.strictObject({ user_id: userId, role, attribute: attribute.nullable() })
export type CallerIdentity = z.infer<typeof callerIdentity>
