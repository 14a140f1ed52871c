/** The set language, cut into tokens with their places. A comment ends with its line; a backslash at a line's end joins it. */
import type { Place, PolicyText } from '../text_place.ts'
import { invalidAt } from '../text_place.ts'

export interface Token extends Place {
  kind: 'name' | 'symbol' | 'end'
  text: string
}

/** One line that says something, without its comment; joined lines are one. */
export interface Line {
  tokens: Token[]
  /** Behind its last token. */
  end: Token
}

const TOKEN = /\s+|#.*|[A-Za-z0-9_]+|<=|>=|[<>=(),.[\]]/y

/** @throws Refusal `policy_invalid` for a character that has no meaning */
export function readLines(source: PolicyText): Line[] {
  const lines: Line[] = []
  let tokens: Token[] = []
  const physical = source.text.split(/\r?\n/)
  for (const [index, whole] of physical.entries()) {
    const joins = /\\[ \t]*$/.test(whole) && !whole.includes('#')
    const text = joins ? whole.replace(/\\[ \t]*$/, '') : whole
    tokens.push(...readTokens(source, text, index + 1))
    if (joins && index + 1 < physical.length) continue
    const end: Token = { kind: 'end', text: 'the end of the line', line: index + 1, column: text.length + 1 }
    if (tokens.length > 0) lines.push({ tokens, end })
    tokens = []
  }
  return lines
}

function readTokens(source: PolicyText, text: string, line: number): Token[] {
  const tokens: Token[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.length) {
    const column = TOKEN.lastIndex + 1
    const found = TOKEN.exec(text)?.[0]
    if (found === undefined)
      throw invalidAt(source, { line, column }, `"${text[column - 1]}" has no meaning here`, HINT)
    if (/^[\s#]/.test(found)) continue
    tokens.push({ kind: /^\w/.test(found) ? 'name' : 'symbol', text: found, line, column })
  }
  return tokens
}

const HINT = 'names are letters, digits and _; a comment begins with #'
