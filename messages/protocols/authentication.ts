/** What authentication may be asked: users, passwords and sessions. */
import { z } from 'zod'
import { userId } from '../ids.ts'
import { protocol } from '../protocol.ts'
import { attribute, password, role } from '../domain/user.ts'

const empty = z.strictObject({})
const session = z
  .string()
  .max(4096)
  .optional()
  .describe("The caller's session token; absent in a plain request, where the `Authorization` header carries it.")
const page = {
  after: userId.optional().describe('Only what comes after this id: `next` of the page before.'),
  limit: z.int().min(1).max(1000).default(100).describe('How many at most.'),
}
const userView = z.strictObject({
  id: userId,
  role,
  attribute: attribute.nullable(),
  created_at: z.int().describe('ms since 1970.'),
})
/** A password that is only compared: its bounds are checked where it is set. */
const presentedPassword = z
  .string()
  .max(1024)
  .meta({ description: 'The present password.', examples: ['a long password of alice'] })

export const authentication = protocol('authentication', 'Users, passwords, roles and sessions', ['client'], {
  user_login: {
    about: 'Opens a session for an id and its password',
    request: z.strictObject({ id: userId, password: presentedPassword }),
    reply: z.strictObject({
      token: z.string().describe('The session token, for the `Authorization` header.'),
      expires_at: z.int().describe('When the session ends: ms since 1970.'),
    }),
    refuses: ['wrong_credentials', 'locked_out'],
    plain: true,
  },
  user_register: {
    about:
      'Registers a user with a role, under an id that nobody had before; an admin any, a manager data owners of ' +
      'its own organisation',
    who: '`PlatformAdmin` anybody; `DataOwnerManager` the data owners of its own organisation',
    request: z.strictObject({
      session,
      id: userId,
      password,
      role,
      attribute: attribute.optional().meta({ examples: ['bank'] }),
    }),
    reply: empty,
    refuses: ['unauthenticated', 'forbidden', 'already_exists', 'conflict'],
    plain: true,
  },
  user_update: {
    about: "Changes a user's role, organisation or password, and ends its sessions",
    who: '`PlatformAdmin` anybody; `DataOwnerManager` the data owners of its own organisation',
    request: z.strictObject({
      session,
      id: userId,
      role: role.optional(),
      attribute: attribute.optional().meta({ examples: ['insurer'] }),
      password: password.optional(),
    }),
    reply: empty,
    refuses: ['unauthenticated', 'forbidden', 'not_found', 'conflict'],
    plain: true,
  },
  user_change_password: {
    about: "Changes the caller's own password and ends all its sessions, this one too",
    request: z.strictObject({
      session,
      current_password: presentedPassword,
      password: password.meta({
        description: 'The new password, of 8 to 1024 bytes.',
        examples: ['another long password'],
      }),
    }),
    reply: empty,
    refuses: ['unauthenticated', 'wrong_credentials', 'locked_out', 'conflict'],
    plain: true,
  },
  reset_user_password: {
    about: 'Gives a user a new random password, answers with it once, and ends the sessions of the user',
    who: '`PlatformAdmin` anybody; `DataOwnerManager` the data owners of its own organisation',
    request: z.strictObject({ session, id: userId }),
    reply: z.strictObject({ password: z.string().describe('The new password, told this once.') }),
    refuses: ['unauthenticated', 'forbidden', 'not_found', 'conflict'],
    // A second delivery would make the password of the first answer a wrong one.
    idempotent: false,
    plain: true,
  },
  delete_user: {
    about: 'Deletes a user and ends its sessions; the id is never given again, and the last admin stays',
    who: '`PlatformAdmin` anybody; `DataOwnerManager` the data owners of its own organisation',
    request: z.strictObject({ session, id: userId }),
    reply: empty,
    refuses: ['unauthenticated', 'forbidden', 'not_found', 'conflict'],
    plain: true,
  },
  user_logout: {
    about: "Ends the caller's session",
    request: z.strictObject({ session }),
    reply: empty,
    refuses: ['unauthenticated', 'conflict'],
    plain: true,
  },
  list_users: {
    about: 'Lists users in order of their ids; a manager sees its own organisation',
    who: '`PlatformAdmin`; `DataOwnerManager` for its own organisation',
    request: z.strictObject({ session, attribute: attribute.optional().describe('Only this organisation.'), ...page }),
    reply: z.strictObject({
      users: z.array(userView).describe('The users of this page.'),
      next: userId
        .optional()
        .describe(
          'Ask again with this as `after`; absent when there is nothing more. A page may be short, even empty.',
        ),
    }),
    refuses: ['unauthenticated', 'forbidden'],
    plain: true,
  },
  user_authenticate: {
    about: 'The claims of a session token as it stands now, for the one who handed it in',
    callers: ['frontend'],
    request: z.strictObject({
      token: z.string().max(4096).describe('The session token.'),
      client_key: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .optional()
        .describe('Thumbprint of the key that signed the letter with the token; absent for a plain request.'),
    }),
    reply: z.strictObject({
      user_id: userId,
      role,
      attribute: attribute.nullable(),
      session_id: z.string().describe('The `jti` of the token.'),
      generation: z.int().describe('Counts the times that all sessions of the user were ended.'),
      plain: z.boolean().describe('Whether the session is for plain requests.'),
      expires_at: z.int().describe('When the session ends: ms since 1970.'),
    }),
    refuses: ['unauthenticated'],
  },
  users_exist: {
    about: 'Which of some ids are no user: of nobody, or of a user who was deleted',
    callers: ['management'],
    request: z.strictObject({ ids: z.array(userId).min(1).max(1000).describe('The ids in question.') }),
    reply: z.strictObject({ missing: z.array(userId).describe('Those that are no user.') }),
    refuses: [],
  },
  get_session_keys: {
    about: 'The keys that sign session tokens, and the sessions that ended before their time',
    callers: ['frontend'],
    request: z.strictObject({ after: userId.optional().describe('`next` of the page before.') }),
    reply: z.strictObject({
      keys: z.array(z.record(z.string(), z.unknown())).describe('Public JWKs, each with its `kid`.'),
      generations: z
        .record(z.string(), z.int())
        .describe('For each user whose sessions were all ended: tokens of a lower generation are refused.'),
      ended_sessions: z.array(z.string()).describe('The `jti` of sessions that were ended singly.'),
      next: userId.optional().describe('Ask again with this as `after`; absent on the last page.'),
    }),
    refuses: [],
  },
})
