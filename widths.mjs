/**
 * Finds lines of code and comments beyond 120 columns, which the formatter leaves alone: it wraps neither comments nor
 * strings. Prints `file:line` of each, and ends with 1 if there are any. A line may exceed where nothing can break it.
 * `node widths.mjs <folder>` looks into another folder.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

const COLUMNS_MAX = 120
/** One word alone, such as a URL in a comment or bytes in hex; and an import whose path is long by itself. */
const UNBREAKABLE = /^\s*(?:\/\/ |\/?\*+ )?\S+$|^import (?:type )?\{ \w+ \} from '\S+'$/
const SOURCE = /\.(?:ts|mjs)$/
/** What others wrote, or a compiler. */
const PASSED_OVER = /^(?:node_modules|dist.*|\.git|\.tacit|coverage)$/

const root = process.argv[2] ?? import.meta.dirname

const tooWide = sourcesBelow(root).flatMap((file) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line, index) => (isTooWide(line) ? [`${relative(root, file)}:${index + 1}: ${[...line].length}`] : [])),
)
for (const place of tooWide) process.stdout.write(`${place} columns, at most ${COLUMNS_MAX}\n`)
process.exitCode = tooWide.length === 0 ? 0 : 1

function sourcesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !PASSED_OVER.test(name))
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return sourcesBelow(path)
      return entry.isFile() && SOURCE.test(entry.name) ? [path] : []
    })
}

/** @param line its width is counted in characters, not in units of UTF-16 */
function isTooWide(line) {
  return [...line].length > COLUMNS_MAX && !UNBREAKABLE.test(line)
}
