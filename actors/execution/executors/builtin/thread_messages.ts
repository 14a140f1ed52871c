/** The form of what a thread and the pool that holds it say to each other, whatever the job. */

/** What a thread says first: it can take jobs. */
export const THREAD_READY = 'ready'

/** From the thread, while it works on a job: something that only the main thread has. */
export interface ThreadRequest {
  request: unknown
  /** Counts the requests of a job. */
  id: number
}

/** To the thread. */
export interface ThreadReply {
  id: number
  reply: unknown
}

/** From the thread: the job has ended. */
export interface ThreadAnswer {
  answer: unknown
}
