/**
 * What a party's program imports, as `tacit/client`: a connection that has the platform prove itself, the files of a
 * party, its tasks, and receipts that verify offline. Every name here is a promise to users of the package;
 * test/package.test.ts holds the list. All other files are internal.
 */
export { TacitConnection } from './connection.ts'
export type { Api, ApiReply, ApiRequest, ConnectOptions, Session } from './connection.ts'
export {
  createFileCrypto,
  downloadOutput,
  fileUrlOf,
  planOutput,
  providePayload,
  streamOutput,
  uploadFile,
  uploadInput,
  uploadRawInput,
} from './file_transfer.ts'
export type { OnBytes, StoredOutput, TransferOptions } from './file_transfer.ts'
export { hashItems, parseItems, readShared } from './joint_list.ts'
export type { HashedList } from './joint_list.ts'
export { waitForTask, watchTask } from './task_watch.ts'
export type { WatchedChange } from './task_watch.ts'

export {
  decryptFile,
  decryptStream,
  encryptFile,
  encryptStream,
  exportSecret,
  generateSigningKey,
  importSigningKey,
  manifestDigest,
  verifyReceipt,
} from '../attestation/index.ts'
export type { EncryptedFile, KeyPair, ReceiptClaims, VerifiedReceipt } from '../attestation/index.ts'
export { isRefusal, isRetryable, Refusal, REFUSALS } from '../messages/index.ts'
export type {
  Advice,
  AuditEntry,
  DataRule,
  DataView,
  FileCrypto,
  FunctionSpec,
  FunctionView,
  JsonValue,
  OutputCrypto,
  OutputScheme,
  RefusalCode,
  RefusalNote,
  Role,
  StoredPayload,
  TaskChange,
  TaskOptions,
  TaskResult,
  TaskState,
  TaskTerms,
  TaskView,
} from '../messages/index.ts'
export type { AskOptions, Client, Clock, FileContent, FileStore, Log, PlatformProof } from '../runtime/index.ts'
