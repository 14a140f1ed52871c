/**
 * What a service of one's own imports, as `tacit/runtime`: its protocol, its actor, and what it is handed when it
 * starts. Every name here is a promise to users of the package; test/package.test.ts holds the list. All other files
 * are internal.
 */
export { z } from 'zod'

export { actor } from './actor.ts'
export type { Actor, AskOptions, Client, Handlers, LetterContext, Sender } from './actor.ts'
export type { Clock } from './clock.ts'
export { retryOnConflict } from './conflict.ts'
export type { Log } from './log.ts'
export { service } from './member/service.ts'
export type { ExtensionHost, ExtensionService, Service, ServiceHost, StartService } from './member/service.ts'
export { openStore } from './store/service_store.ts'
export type { ServiceStore } from './store/service_store.ts'
export type { Entry, ScanOptions, Store, Write } from './store/store.ts'

export { defined, isRefusal, isRetryable, pack, protocol, Refusal, REFUSALS, unpack } from '../messages/index.ts'
export type {
  Advice,
  Method,
  MethodName,
  Protocol,
  RefusalCode,
  RefusalNote,
  ReplyOf,
  RequestOf,
} from '../messages/index.ts'
