/** What the broker's errors mean to a caller: the expected ones become refusals, all others stay as they are. */
import { JetStreamApiError } from '@nats-io/jetstream'
import {
  ClosedConnectionError,
  ConnectionError,
  DrainingConnectionError,
  PermissionViolationError,
  RequestError,
  TimeoutError,
} from '@nats-io/nats-core'
import { Refusal } from '../../messages/index.ts'

/** Codes of the JetStream API that are told apart; its texts are for people. */
export const API_CODES = {
  consumerNotFound: 10014,
  noMessageFound: 10037,
  sequenceNotFound: 10043,
  storageExceeded: 10047,
  messageDeleteFailed: 10057,
  streamNameInUse: 10058,
  streamNotFound: 10059,
  wrongLastSequence: 10071,
  storeFailed: 10077,
  consumerExists: 10148,
  wrongLastSequenceUnknown: 10164,
} as const

export function apiCode(error: unknown): number | undefined {
  return error instanceof JetStreamApiError ? error.code : undefined
}

/** @param what what was tried, as the subject of a sentence: `staging a task` */
export function refuseBrokerError(error: unknown, what: string): Error {
  if (error instanceof Refusal) return error
  if (error instanceof PermissionViolationError) {
    return new Refusal('forbidden', `the broker does not permit ${what}: ${error.message}`, {
      hint: 'write the broker permissions of this deployment again',
      cause: error,
    })
  }
  if (isOutage(error) || (error instanceof Error && isOutage(error.cause))) {
    return new Refusal('unavailable', `the broker did not answer in time, ${what} may or may not have happened`, {
      hint: 'try again; check that nats-server runs with JetStream',
      cause: error,
    })
  }
  if (apiCode(error) === API_CODES.storeFailed) {
    return new Refusal('overloaded', `the broker has no room for ${what}`, { hint: 'try again later', cause: error })
  }
  if (apiCode(error) === API_CODES.storageExceeded) {
    return new Refusal('too_large', `the broker has not enough room on its disk for ${what}`, {
      hint: 'give it a larger disk, or ask for less room',
      cause: error,
    })
  }
  if (error instanceof JetStreamApiError) {
    return new Refusal('unavailable', `the broker refused ${what}: ${error.message}`, { cause: error })
  }
  return error instanceof Error ? error : new Error(String(error))
}

function isOutage(error: unknown): boolean {
  return [TimeoutError, RequestError, ConnectionError, ClosedConnectionError, DrainingConnectionError].some(
    (kind) => error instanceof kind,
  )
}
