/**
 * Says on stderr how far long work has come. A terminal has one line, rewritten at each new percent; a log gets a line
 * for each quarter, so that it stays short. With `--json` nothing is said: a program waits for the end.
 */
import type { OnBytes } from '../../file_transfer.ts'

const CLEAR_LINE = '\r\u001b[K'
const QUARTER = 25
/** For work on fewer bytes, a log has only the last line. */
const LARGE_BYTES = 1024 * 1024

export interface ErrorStream {
  write(text: string): unknown
  readonly isTTY?: boolean
}

/** The remarks of a command, and its progress between them. */
export class Remarks {
  readonly #stream: ErrorStream
  readonly #isQuiet: boolean
  /** True while the terminal shows a line without its line break. */
  #isOpen = false

  constructor(stream: ErrorStream, isQuiet: boolean) {
    this.#stream = stream
    this.#isQuiet = isQuiet
  }

  say(text: string): void {
    this.endLine()
    this.#stream.write(`${printable(text)}\n`)
  }

  /** @param what the work, such as `uploading a.enc` */
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

  /** Clears the line of work that has not ended. */
  endLine(): void {
    if (this.#isOpen) this.#stream.write(CLEAR_LINE)
    this.#isOpen = false
  }
}

/** Without control characters: the texts of other parties must not move the cursor or forge a line. */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd')
}

function sizeOf(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`
  return `${(bytes / (1024 * 1024)).toFixed(1)} MiB`
}
