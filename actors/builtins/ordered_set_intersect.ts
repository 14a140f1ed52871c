/**
 * builtin-ordered-set-intersect: tells each of two owners which of their lines the other has too, and nothing else.
 * Both inputs are sorted lines; each output has a line for each line of its input, 1 if the line is common and 0 if
 * not. Inputs and outputs are never in memory as a whole.
 *
 * A line that stands several times in an input is flagged each time and counted once: the flags answer "has the other
 * one this?", the count is of common items.
 */
import type { Builtin, BuiltinCall } from './builtin.ts'
import { FunctionFailure, inputOf } from './builtin.ts'
import { SortedLines } from './sorted_lines.ts'

const PART_BYTES = 64 * 1024
const [LF, ZERO, ONE] = [10, 48, 49]

export const orderedSetIntersect: Builtin = {
  spec: {
    name: 'builtin-ordered-set-intersect',
    description: 'Says for each line of two sorted lists whether the other has it too',
    executor: 'builtin',
    arguments: [{ key: 'order', default: 'ascending', overridable: true }],
    inputs: [
      { name: 'input_data1', description: 'sorted lines of the first party' },
      { name: 'input_data2', description: 'sorted lines of the second party' },
    ],
    outputs: [
      { name: 'output_result1', description: '0 or 1 for each line of the first party' },
      { name: 'output_result2', description: '0 or 1 for each line of the second party' },
    ],
  },
  run: intersect,
}

async function intersect(call: BuiltinCall): Promise<string> {
  const { order = 'ascending' } = call.arguments
  if (order !== 'ascending' && order !== 'descending') {
    throw new FunctionFailure('the argument "order" must be "ascending" or "descending"')
  }
  const left = new FlaggedLines(
    new SortedLines(inputOf(call, 'input_data1'), 'input_data1', order),
    new LineFlags((bytes) => call.write('output_result1', bytes)),
  )
  const right = new FlaggedLines(
    new SortedLines(inputOf(call, 'input_data2'), 'input_data2', order),
    new LineFlags((bytes) => call.write('output_result2', bytes)),
  )
  let common = 0
  await left.start()
  await right.start()
  while (left.hasLine && right.hasLine) {
    const comparison = left.lines.compare(right.lines)
    if (comparison === 0) {
      common++
      await left.passCopies('1')
      await right.passCopies('1')
    } else if (comparison < 0) await left.passCopies('0')
    else await right.passCopies('0')
  }
  // The rest is read to its end: an input that is not sorted fails wherever the fault is.
  while (left.hasLine) await left.passCopies('0')
  while (right.hasLine) await right.passCopies('0')
  await left.flags.end()
  await right.flags.end()
  return `${common} common items`
}

/** Lines of an input, each of which gets its flag when it is passed. */
class FlaggedLines {
  readonly lines: SortedLines
  readonly flags: LineFlags
  hasLine = false

  constructor(lines: SortedLines, flags: LineFlags) {
    this.lines = lines
    this.flags = flags
  }

  async start(): Promise<void> {
    this.hasLine = await this.lines.advance()
  }

  /** Flags the present line and those equal to it, and goes to the line behind them. */
  async passCopies(flag: '0' | '1'): Promise<void> {
    do {
      // Waiting only where there is something to wait for: a promise for each line would cost more than the line.
      if (this.flags.push(flag)) await this.flags.flush()
      this.hasLine = this.lines.step() ?? (await this.lines.advance())
    } while (this.hasLine && this.lines.isCopy)
  }
}

/** A line of one digit for each line of another text, written in parts. */
class LineFlags {
  readonly #write: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>
  #part = new Uint8Array(PART_BYTES)
  #length = 0

  constructor(write: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>) {
    this.#write = write
  }

  /** @returns true when the part is full: it must be flushed before the next digit */
  push(digit: '0' | '1'): boolean {
    this.#part[this.#length++] = digit === '0' ? ZERO : ONE
    this.#part[this.#length++] = LF
    return this.#length === PART_BYTES
  }

  async flush(): Promise<void> {
    const full = this.#part.slice(0, this.#length)
    this.#length = 0
    await this.#write(full)
  }

  /** Writes what is left; an empty text is written too. */
  end(): Promise<void> {
    return this.flush()
  }
}
