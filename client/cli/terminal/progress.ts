/**
 * How far long work is, on stderr. On a terminal one line is written over at each new percent; elsewhere a line says each
 * quarter, so that a log stays short. Nothing for programs: whoever asks for JSON waits for the end.
 */
import type { OnBytes } from '../../counted_content.ts'

const CLEAR_LINE = '\r\u001b[K'
const QUARTER = 25
/** Below it a log is told of the end alone. */
const LARGE_BYTES = 1024 * 1024

export interface ErrorStream {
  write(text: string): unknown
  readonly isTTY?: boolean
}

/** The remarks of a command, and its progress between them. */
export class Remarks {
  readonly #stream: ErrorStream
  readonly #isQuiet: boolean
  /** A line stands that is not finished. */
  #isOpen = false

  constructor(stream: ErrorStream, isQuiet: boolean) {
    this.#stream = stream
    this.#isQuiet = isQuiet
  }

  say(text: string): void {
    this.endLine()
    this.#stream.write(`${printable(text)}\n`)
  }

  /** @param what what is being done, such as `uploading a.enc` */
  progress(what: string): OnBytes {
    if (this.#isQuiet) return () => {}
    let shown = -1
    return (doneBytes, totalBytes) => {
      const percent = totalBytes === 0 ? 100 : Math.floor((100 * doneBytes) / totalBytes)
      if (this.#stream.isTTY !== true && totalBytes < LARGE_BYTES && percent < 100) return
      const step = this.#stream.isTTY === true ? percent : Math.floor(percent / QUARTER)
      if (step === shown) return
      shown = step
      const text = `${what}: ${percent} % of ${sizeOf(totalBytes)}`
      if (this.#stream.isTTY !== true) return this.say(text)
      this.#stream.write(`${CLEAR_LINE}${text}${percent === 100 ? '\n' : ''}`)
      this.#isOpen = percent < 100
    }
  }

  /** Takes away what was said of work that is not done. */
  endLine(): void {
    if (this.#isOpen) this.#stream.write(CLEAR_LINE)
    this.#isOpen = false
  }
}

/** Text of other parties stands in what is said: it must not move the cursor, or write what nobody said. */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd')
}

function sizeOf(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`
  return `${(bytes / (1024 * 1024)).toFixed(1)} MiB`
}
