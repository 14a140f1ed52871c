/** What an operator may see of a request: the id of its task, and nothing that only looks like one. */
const TASK_ID = /^task-[0-9a-f-]{36}$/

/** The id of the task that a request body is about, also where the frontend's envelope is around it. */
export function taskIn(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const { task_id: direct, request } = body as { task_id?: unknown; request?: unknown }
  if (typeof direct === 'string') return TASK_ID.test(direct) ? direct : undefined
  return request === undefined ? undefined : taskIn(request)
}
