/**
 * The keys under which management keeps its records, in one place. What is read alone is kept alone: the record that a
 * list shows never carries a payload, a url or a key.
 */

/** A function without its payload. */
export const functionKey = (functionId: string) => `function/${functionId}`
/** Each payload that a function has had, by its SHA-256: the terms of a task name the one that it runs. */
export const payloadKey = (functionId: string, digest: string) => `payload/${functionId}/${digest}`
/** How many runs a function had under a quota; absent before the first. */
export const quotaKey = (functionId: string) => `quota/${functionId}`
/** How many runs it had while it was unlimited, in several counters. */
export const runsKey = (functionId: string) => `runs/${functionId}`
/** What lists show of a function; `shelf` is `all`, `public`, `user/<id>` or `org/<attribute>`. */
export const shelfKey = (shelf: string, functionId: string) => `shelf/${shelf}/${functionId}`

/** Who owns a file and which content it has. */
export const dataKey = (dataId: string) => `data/${dataId}`
/** Where the file is and its key: read when a run begins, and by nothing else. */
export const fileKey = (dataId: string) => `file/${dataId}`
export const dataOfKey = (userId: string, dataId: string) => `data_of/${userId}/${dataId}`
/** The tasks that an input was assigned to. */
export const usePrefix = (dataId: string) => `use/${dataId}/`
export const useKey = (dataId: string, taskId: string) => `${usePrefix(dataId)}${taskId}`

/** The life of a task. */
export const taskKey = (taskId: string) => `task/${taskId}`
/** Its terms; written by create_task and assign_data alone. */
export const termsKey = (taskId: string) => `terms/${taskId}`
/** The result of a finished task. */
export const resultKey = (taskId: string) => `result/${taskId}`
/** The outbox: exists exactly as long as the task is Staged or Running. */
export const STAGED_PREFIX = 'staged/'
export const stagedKey = (taskId: string) => `${STAGED_PREFIX}${taskId}`

export const taskOfPrefix = (userId: string) => `task_of/${userId}/`
/** How a moment stands in a key: 14 digits reach beyond the year 5000. */
export const momentInKey = (at: number) => String(at).padStart(14, '0')
/** Ordered by the moment of creation. */
export const taskOfKey = (userId: string, createdAt: number, taskId: string) =>
  `${taskOfPrefix(userId)}${momentInKey(createdAt)}-${taskId}`
/** The task named by such a key; looked for from the end, since a user's name may hold anything but a slash. */
export const taskIdOfKey = (key: string) => key.slice(key.lastIndexOf('-task-') + 1)
