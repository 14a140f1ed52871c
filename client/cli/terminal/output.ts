/**
 * What a command says: its result on stdout, everything else on stderr. With `--json` the result is one JSON document,
 * and so is an error, also on stdout, so that a program reads one place. The exit code says what to do next.
 *
 * This drawer holds what commands exchange with the terminal and with files that the user named.
 */
import type { RefusalCode } from '../../../messages/index.ts'
import { Refusal, toJsonValue } from '../../../messages/index.ts'
import type { OnBytes } from '../../file_transfer.ts'
import type { ErrorStream } from './progress.ts'
import { printable, Remarks } from './progress.ts'

/**
 * 0 done; 1 a defect of ours; 2 fix the request; 3 try again later; 4 stop trusting; 5 the task ended without a result;
 * 130 interrupted by Ctrl-C.
 */
export const EXIT_CODES = { done: 0, defect: 1, fix: 2, retry: 3, stop: 4, unfinished: 5, interrupted: 130 } as const

/** A refusal that also carries a document: what was found, or how the task ended. */
export class CommandFailure extends Refusal {
  readonly document: Readonly<Record<string, unknown>>

  constructor(code: RefusalCode, message: string, document: Record<string, unknown>, more: { hint?: string } = {}) {
    super(code, message, more)
    this.document = document
  }
}

export interface Output {
  readonly json: boolean
  /** The command's one result: `document` for programs, `lines` for people. */
  result(document: Record<string, unknown>, lines: readonly string[]): void
  /** A remark for people. */
  say(text: string): void
  /** Shows people how far the work on a file is. @param what the work, such as `uploading a.enc` */
  progress(what: string): OnBytes
}

export function createOutput(json: boolean, stdout: NodeJS.WritableStream, stderr: ErrorStream): Output {
  const remarks = new Remarks(stderr, json)
  return {
    json,
    result(document, lines) {
      remarks.endLine()
      if (json) stdout.write(`${JSON.stringify(toJsonValue({ apiVersion: 'v1', ...document }))}\n`)
      else for (const line of lines) stdout.write(`${printable(line)}\n`)
    },
    say: (text) => remarks.say(text),
    progress: (what) => remarks.progress(what),
  }
}

/** Reports why a command could not do its work. @returns the exit code */
export function reportFailure(error: unknown, output: Output): number {
  if (!(error instanceof Refusal)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    output.say(`tacit has a defect: ${text}`)
    output.result({ error: { code: 'internal', message: 'tacit has a defect' } }, [])
    return EXIT_CODES.defect
  }
  const document = error instanceof CommandFailure ? error.document : {}
  output.result({ ...document, error: { ...error.toNote(), advice: error.advice } }, [])
  output.say(`error: ${error.message} (${error.code})`)
  if (error.hint !== undefined) output.say(`hint: ${error.hint}`)
  if (error.code === 'function_failed' || error.code === 'canceled') return EXIT_CODES.unfinished
  if (error.code === 'internal') return EXIT_CODES.defect
  return EXIT_CODES[error.advice]
}
