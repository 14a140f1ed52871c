/**
 * What a command says: its result on stdout, all else on stderr. With `--json` the result is one JSON document; errors are
 * one too, on stdout as well, so that a program has one place to read. The exit code tells what to do.
 */
import type { RefusalCode } from '../../../messages/index.ts'
import { Refusal, toJsonValue } from '../../../messages/index.ts'
import type { OnBytes } from '../../counted_content.ts'
import type { ErrorStream } from './progress.ts'
import { printable, Remarks } from './progress.ts'

/**
 * 0 done; 2 fix the request; 3 try again later; 4 stop trusting; 5 the task ended without a result; 1 a defect; 130 given
 * up at Ctrl-C.
 */
export const EXIT_CODES = { done: 0, defect: 1, fix: 2, retry: 3, stop: 4, unfinished: 5, interrupted: 130 } as const

/** A refusal that has more to show than its text: what was found, or how the task ended. */
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
  /** Remarks, for people. */
  say(text: string): void
  /** How far the work on a file is, for people. @param what what is being done, such as `uploading a.enc` */
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
    output.say(`tacit met a defect of its own: ${text}`)
    output.result({ error: { code: 'internal', message: 'tacit met a defect of its own' } }, [])
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
