/** The first message of every thread: a module that cannot be loaded must not look like a function that failed. */
export const THREAD_READY = 'ready'
