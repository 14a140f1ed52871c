/**
 * builtin-ordered-set-intersect: tells each of two owners which of his lines the other has too, and nothing else. Both
 * inputs are sorted lines; each output has a line for each line of its input, 1 where it is common and 0 where not.
 *
 * A line that stands several times in an input is flagged each time and counted once: the flags answer "has the other one
 * this?", the count is of common items.
 */
import type { Builtin } from './builtin.ts'
import { FunctionFailure, inputOf } from './builtin.ts'
import { SortedLines } from './sorted_lines.ts'

const [LF, ZERO, ONE] = [10, 48, 49]

export const orderedSetIntersect: Builtin = (call) => {
  const { order = 'ascending' } = call.arguments
  if (order !== 'ascending' && order !== 'descending') {
    throw new FunctionFailure('the argument "order" must be "ascending" or "descending"')
  }
  const left = new SortedLines(inputOf(call, 'input_data1'), 'input_data1', order)
  const right = new SortedLines(inputOf(call, 'input_data2'), 'input_data2', order)
  const leftFlags = new Flags(left.text)
  const rightFlags = new Flags(right.text)
  let common = 0
  let hasLeft = left.advance()
  let hasRight = right.advance()
  while (hasLeft && hasRight) {
    const comparison = left.compare(right)
    if (comparison < 0) {
      leftFlags.push(ZERO)
      hasLeft = left.advance()
    } else if (comparison > 0) {
      rightFlags.push(ZERO)
      hasRight = right.advance()
    } else {
      common++
      // Copies on the left are compared with the line that stands on the right, and then the right's with the last of them.
      do {
        leftFlags.push(ONE)
        hasLeft = left.advance()
      } while (hasLeft && left.compare(right) === 0)
      hasRight = pushCopies(right, rightFlags)
    }
  }
  // The rest is read to its end: an input that is not sorted fails wherever the fault is.
  for (; hasLeft; hasLeft = left.advance()) leftFlags.push(ZERO)
  for (; hasRight; hasRight = right.advance()) rightFlags.push(ZERO)
  return {
    returnValue: `${common} common items`,
    outputs: new Map([
      ['output_result1', leftFlags.bytes()],
      ['output_result2', rightFlags.bytes()],
    ]),
  }
}

/** Flags the present line and those equal to it; true when another line follows. */
function pushCopies(lines: SortedLines, flags: Flags): boolean {
  for (;;) {
    const { text, start, end } = lines
    flags.push(ONE)
    if (!lines.advance()) return false
    if (text.compare(text, start, end, lines.start, lines.end) !== 0) return true
  }
}

/** A line of one digit for each line of a text. */
class Flags {
  readonly #bytes: Buffer
  #length = 0

  constructor(text: Buffer) {
    this.#bytes = Buffer.allocUnsafeSlow(2 * countLines(text))
  }

  push(digit: number): void {
    this.#bytes[this.#length++] = digit
    this.#bytes[this.#length++] = LF
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }
}

/** Not fewer than the text has. */
function countLines(text: Buffer): number {
  if (text.length === 0) return 0
  let count = 1
  for (let at = text.indexOf(LF); at !== -1; at = text.indexOf(LF, at + 1)) count++
  return count
}
