/**
 * The outside party, for the other floors: what `public.ts` gives everybody, and what the demo, the bench and tests
 * use.
 */
export { TacitConnection } from './connection.ts'
export type { Api, Session } from './connection.ts'
export {
  createFileCrypto,
  downloadOutput,
  planOutput,
  uploadFile,
  uploadInput,
  uploadRawInput,
} from './file_transfer.ts'
export { hashItems, parseItems, readShared } from './joint_list.ts'
export type { HashedList } from './joint_list.ts'
export { waitForTask, watchTask } from './task_watch.ts'
export { Refusal } from '../messages/index.ts'
export type { TaskChange, TaskView } from '../messages/index.ts'
export { verifyReceipt } from '../attestation/index.ts'
