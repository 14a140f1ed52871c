/** The one door to output: JSON lines on stderr by pino. Tokens, keys, passwords and payloads never reach a line. */
import { pino } from 'pino'

export interface Log {
  debug(fields: object, text: string): void
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

const SECRET_FIELDS = ['password', 'current_password', 'token', 'session', 'key', 'private_key', 'payload', 'secret']

/** @param level a pino level; `silent` for none */
export function createLog(name: string, level: string): Log {
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
