/** The one door to output: JSON lines on stderr by pino. Tokens, keys, passwords and payloads never reach a line. */
import { pino } from 'pino'
import { Refusal } from '../messages/index.ts'
import type { Clock } from './clock.ts'

/** Where a service writes what its operator reads; fields with the names of secrets are left out. */
export interface Log {
  debug(fields: object, text: string): void
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * @param field what the level was given as
 * @throws Refusal `invalid_request` listing the levels
 */
export function parseLogLevel(level: string, field: string): LogLevel {
  const known = LOG_LEVELS.find((name) => name === level)
  if (known !== undefined) return known
  throw new Refusal('invalid_request', `${field} is "${level}", which is no log level`, {
    hint: `use one of ${LOG_LEVELS.join(', ')}`,
    field,
  })
}

const SECRET_FIELDS = ['password', 'current_password', 'token', 'session', 'key', 'private_key', 'payload', 'secret']

/**
 * @param level one of `LOG_LEVELS`; `silent` for none
 * @throws Refusal `invalid_request` for another one
 */
export function createLog(name: string, level: string): Log {
  parseLogLevel(level, 'the log level')
  return pino(
    {
      name,
      level,
      base: { service: name },
      redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), remove: true },
    },
    pino.destination({ dest: 2, sync: true }),
  )
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }

const PERIOD_MS = 10_000
const LINES_MAX = 50

/** A log for lines that strangers can cause: 50 in each ten seconds, and then one that says how many were left out. */
export class BoundedLog {
  readonly #log: Pick<Log, 'warn'>
  readonly #clock: Clock
  #endsAtMs = 0
  #lines = 0

  constructor(log: Pick<Log, 'warn'>, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  warn(fields: object, text: string): void {
    const now = this.#clock.now()
    if (now >= this.#endsAtMs) {
      const leftOut = this.#lines - LINES_MAX
      if (leftOut > 0) this.#log.warn({ left_out: leftOut }, 'more of these lines were left out')
      this.#endsAtMs = now + PERIOD_MS
      this.#lines = 0
    }
    this.#lines += 1
    if (this.#lines <= LINES_MAX) this.#log.warn(fields, text)
  }
}
