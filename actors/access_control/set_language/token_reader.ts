/** Reads the tokens of one line, and says what it wanted where it finds another thing. */
import type { Refusal } from '../../../messages/index.ts'
import type { Place, PolicyText } from '../text_place.ts'
import { invalidAt } from '../text_place.ts'
import { WORDS } from './grammar.ts'
import type { Line, Token } from './tokens.ts'

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
