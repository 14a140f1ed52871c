/**
 * The whole platform as a plain function: a world and a call, what comes of them. Written from the specification alone;
 * it knows nothing of members, storage or messages, and each call happens at once.
 */
import { frontend } from '../../../messages/index.ts'
import { API_ROLES } from '../../actors/access_control/reference_rules.ts'
import type { Answer, Call, Handle, Observed, Who } from './answer.ts'
import { DONE, refuse, whoOf } from './answer.ts'
import type { StoredFile } from './data.ts'
import { dataHandlers } from './data.ts'
import { functionHandlers } from './functions.ts'
import { taskHandlers } from './tasks.ts'
import { login, USERS } from './users.ts'
import type { World } from './world.ts'

/** How long a frontend may not have heard that a session is over. */
const HEARD_MS = 1_000

/** What the model is told before it begins. */
export interface Givens {
  /** The digest of each kind of function. */
  digests: readonly string[]
  files: readonly StoredFile[]
}

export interface Model {
  /** Changes the world where the answer is a reply. */
  answer(world: World, call: Call, observed: Observed): Answer
  /** What management answers in the name of somebody, whatever his session. */
  manage(world: World, who: Who, method: string, request: object, observed: Observed): Answer
}

export function createModel({ digests, files }: Givens): Model {
  const handlers: Record<string, Handle> = {
    ...functionHandlers(digests),
    ...dataHandlers(files),
    ...taskHandlers(digests),
    ...PLATFORM,
    ...USERS,
  }
  function answer(world: World, call: Call, observed: Observed): Answer {
    const { method, request, session: token, stolen } = call
    if (request['malformed'] === true) return refuse('invalid_request')
    if (method === 'user_login') return login(world, request as never, observed)
    const session = token === undefined ? undefined : world.sessions.get(token)
    if (token === undefined || session === undefined || stolen === true) return refuse('unauthenticated')
    const isOfFrontend = Object.hasOwn(frontend.methods, method)
    if (session.over) {
      const mayBeUnheard = isOfFrontend && observed.sentAtMs < session.overSinceMs + HEARD_MS
      // Who logs out of a session that is over has what it wants.
      if (method === 'user_logout' && observed.code === 'ok') return DONE
      if (observed.code === 'unauthenticated' || !mayBeUnheard) return refuse('unauthenticated')
    }
    if (method === 'user_logout') {
      world.sessions.set(token, { ...session, over: true, overSinceMs: Number.POSITIVE_INFINITY })
      return DONE
    }
    const who = whoOf(session)
    if (isOfFrontend && !(API_ROLES[method as keyof typeof API_ROLES] as readonly string[]).includes(who.role)) {
      return refuse('forbidden')
    }
    return handlers[method]!(world, who, request as never, observed)
  }
  return {
    answer,
    manage: (world, who, method, request, observed) => handlers[method]!(world, who, request as never, observed),
  }
}

/** What the platform's own keepers may do; what they are shown is for other tests. */
const PLATFORM = {
  query_audit_log: asTold,
  verify_audit_log: asTold,
  get_policy: asTold,
  put_policy: () => refuse('conflict'),
  revoke_member: () => refuse('not_found'),
} as const satisfies Record<string, Handle>

function asTold(_world: World, _who: unknown, _request: unknown, { reply }: Observed): Answer {
  return { reply }
}
