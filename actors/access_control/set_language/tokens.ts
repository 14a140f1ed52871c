/**
 * The set language, cut into tokens with their places, and a reader of them. A comment ends with its line; a backslash
 * at a line's end joins it with the next.
 */
import type { Refusal } from '../../../messages/index.ts'
import type { Place, PolicyText } from '../text_place.ts'
import { invalidAt } from '../text_place.ts'
import { WORDS } from './grammar.ts'

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

/** Reads the tokens of one line, and says what it wanted where it finds another thing. */
export class TokenReader {
  readonly #source: PolicyText
  readonly #line: Line
  #at = 0

  constructor(source: PolicyText, line: Line) {
    this.#source = source
    this.#line = line
  }

  peek(): Token {
    return this.#line.tokens[this.#at] ?? this.#line.end
  }

  /** True when the next token is this one; it is read then. */
  takes(text: string): boolean {
    if (this.peek().text !== text || this.peek().kind === 'end') return false
    this.#at += 1
    return true
  }

  name(what: string): Token {
    const token = this.peek()
    if (token.kind !== 'name' || WORDS.includes(token.text)) throw this.#wanted(what)
    this.#at += 1
    return token
  }

  symbol(text: string): void {
    if (!this.takes(text)) throw this.#wanted(`"${text}"`)
  }

  end(): void {
    if (this.peek().kind !== 'end') throw this.#wanted('the end of the line')
  }

  wrong(place: Place, problem: string, hint: string): Refusal {
    return invalidAt(this.#source, place, problem, hint)
  }

  #wanted(what: string): Refusal {
    const found = this.peek()
    return this.wrong(found, `${what} is wanted, not ${found.kind === 'end' ? found.text : `"${found.text}"`}`, WRITTEN)
  }
}

const WRITTEN = 'a definition is written "name = ..." on one line; a backslash at its end joins the next'
