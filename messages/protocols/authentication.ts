/** What authentication may be asked: users, passwords and sessions. */
import { z } from 'zod'
import { userId } from '../ids.ts'
import { protocol } from '../protocol.ts'
import { attribute, password, role } from '../user.ts'

const empty = z.strictObject({})
/** The session token of the caller; absent in a plain request, where the `Authorization` header carries it. */
const session = z.string().max(4096).optional()
const page = { after: userId.optional(), limit: z.int().min(1).max(1000).default(100) }
const userView = z.strictObject({ id: userId, role, attribute: attribute.nullable(), created_at: z.int() })

export const authentication = protocol('authentication', 'Users, passwords, roles and sessions', ['client'], {
  user_login: {
    about: 'Opens a session for an id and its password',
    request: z.strictObject({ id: userId, password: z.string().max(1024) }),
    reply: z.strictObject({ token: z.string(), expires_at: z.int() }),
    refuses: ['wrong_credentials', 'locked_out'],
    plain: true,
  },
  user_register: {
    about: 'Registers a user with a role; an admin any, a manager data owners of its own organisation',
    request: z.strictObject({ session, id: userId, password, role, attribute: attribute.optional() }),
    reply: empty,
    refuses: ['unauthenticated', 'forbidden', 'already_exists'],
    plain: true,
  },
  user_change_password: {
    about: "Changes the caller's own password and ends its other sessions",
    request: z.strictObject({ session, current_password: z.string().max(1024), password }),
    reply: empty,
    refuses: ['unauthenticated', 'wrong_credentials'],
    plain: true,
  },
  user_logout: {
    about: "Ends the caller's session",
    request: z.strictObject({ session }),
    reply: empty,
    refuses: ['unauthenticated'],
    plain: true,
  },
  list_users: {
    about: 'Lists users in order of their ids; a manager sees its own organisation',
    request: z.strictObject({ session, attribute: attribute.optional(), ...page }),
    reply: z.strictObject({ users: z.array(userView) }),
    refuses: ['unauthenticated', 'forbidden'],
    plain: true,
  },
  get_session_keys: {
    about: 'The keys that sign session tokens, and the sessions revoked before their end',
    callers: ['frontend'],
    request: empty,
    reply: z.strictObject({
      keys: z.array(z.record(z.string(), z.unknown())),
      /** For each user whose sessions were ended early: tokens of a lower generation are refused. */
      generations: z.record(z.string(), z.int()),
    }),
    refuses: [],
  },
})
