/**
 * A frontend and an authentication service that answer what a test has them answer, on a platform that proves itself.
 */
import type { TaskView } from '../../messages/index.ts'
import { authentication, createId, frontend, taskView } from '../../messages/index.ts'
import type { Handlers, LetterContext, Service } from '../../runtime/index.ts'
import { actor } from '../../runtime/index.ts'

type FrontendScript = Partial<Handlers<typeof frontend>>

export function frontendService(script: FrontendScript): Service {
  return { actor: actor(frontend, script as Handlers<typeof frontend>) } // a test calls what it has scripted
}

/** Lets everybody in, under a token that names who asked. */
export function authenticationService(): Service {
  const handlers = {
    user_login: ({ id }: { id: string }, { sender }: LetterContext) => ({
      token: `${id} by ${sender.id}`,
      expires_at: 2_000_000_000_000,
    }),
  }
  return { actor: actor(authentication, handlers as unknown as Handlers<typeof authentication>) } // as above
}

const taskId = createId('task', 'one task')

/** A task as its parties see it, in some state and version. */
export function sampleTask(state: TaskView['state'], version: number): TaskView {
  return taskView.parse({
    task_id: taskId,
    state,
    reason: `it is ${state}`,
    version,
    creator: 'alice',
    parties: ['alice'],
    terms: {
      function_id: createId('function', 'one function'),
      function_digest: 'digest',
      executor: 'builtin',
      arguments: {},
      inputs: [],
      outputs: [],
      options: {},
    },
    terms_digest: 'a'.repeat(64),
    approved_by: ['alice'],
    attempt: 1,
    created_at: 0,
    updated_at: 0,
  })
}
