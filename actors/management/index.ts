/** Starts a member of management. */
export { start } from './management_actor.ts'
