/**
 * Parses the set language: three sections in their order, one definition a line, every error with its line and column.
 *
 * This drawer holds the set language, from its text to decisions.
 */
import { parseExpression } from './parse_expression.ts'
import type { Expression, SetLanguageText } from './grammar.ts'
import { invalidAt } from '../text_place.ts'
import type { PolicyText } from '../text_place.ts'
import type { Line, Token } from './tokens.ts'
import { readLines, TokenReader } from './tokens.ts'

const SECTIONS = ['requests', 'terms', 'matchers'] as const
type Section = (typeof SECTIONS)[number]

/** What a platform can ask and has facts for; a text that says otherwise would never decide, or always refuse. */
export interface KnownNames {
  requests: ReadonlyMap<string, readonly string[]>
  terms: ReadonlyMap<string, readonly string[]>
}

/**
 * @param known the names that the text may use; any, unless told
 * @throws Refusal `policy_invalid` that begins `<name>:<line>:<column>`
 */
export function parseSets(source: PolicyText, known?: KnownNames): SetLanguageText {
  const lines = readLines(source)
  const requests = new Map<string, readonly string[]>()
  const terms = new Map<string, readonly string[]>()
  const matchers = new Map<string, Expression>()
  const places = new Map<string, Token>()
  const text = { source, requests, terms, matchers }
  let next = 0
  for (const line of lines) {
    const reader = new TokenReader(source, line)
    if (line.tokens[0]?.text === '[') {
      readSection(reader, SECTIONS[next])
      next += 1
      continue
    }
    const section = SECTIONS[next - 1]
    const name = reader.name('a definition')
    if (section === undefined) throw reader.wrong(name, 'a definition stands in no section', 'begin with [requests]')
    reader.symbol('=')
    if (section === 'matchers') {
      if (!requests.has(name.text)) throw reader.wrong(name, `there is no request ${name.text}`, 'declare it first')
      if (matchers.has(name.text)) throw reader.wrong(name, `${name.text} has a matcher already`, 'join them with and')
      matchers.set(name.text, parseExpression(reader, name.text, text))
    } else {
      if (requests.has(name.text) || terms.has(name.text)) {
        throw reader.wrong(name, `${name.text} is declared already`, 'a name is one request or one term')
      }
      const columns = readColumns(reader)
      checkKnown(reader, name, columns, section, known)
      ;(section === 'requests' ? requests : terms).set(name.text, columns)
      places.set(name.text, name)
    }
    reader.end()
  }
  checkComplete(text, next, places, lines)
  return text
}

function readSection(reader: TokenReader, expected: Section | undefined): void {
  reader.symbol('[')
  const name = reader.name('the name of a section')
  if (name.text !== expected) {
    const hint = `the sections are ${SECTIONS.map((section) => `[${section}]`).join(', ')}, in this order`
    throw reader.wrong(name, `[${name.text}] does not belong here`, hint)
  }
  reader.symbol(']')
  reader.end()
}

function readColumns(reader: TokenReader): string[] {
  const columns: string[] = []
  do {
    const column = reader.name('a field')
    if (columns.includes(column.text)) throw reader.wrong(column, `${column.text} is there twice`, 'name each once')
    columns.push(column.text)
  } while (reader.takes(','))
  return columns
}

function checkKnown(
  reader: TokenReader,
  name: Token,
  columns: readonly string[],
  section: 'requests' | 'terms',
  known: KnownNames | undefined,
): void {
  if (known === undefined) return
  const wanted = known[section].get(name.text)
  const kind = section === 'requests' ? 'question' : 'relation'
  if (wanted === undefined) {
    const names = [...known[section].keys()].join(', ')
    throw reader.wrong(name, `the platform knows no ${kind} ${name.text}`, `it knows ${names}`)
  }
  if (wanted.join() !== columns.join()) {
    throw reader.wrong(
      name,
      `the ${kind} ${name.text} has other fields here`,
      `write ${name.text} = ${wanted.join(', ')}`,
    )
  }
}

function checkComplete(
  { source, requests, matchers }: SetLanguageText,
  sections: number,
  places: ReadonlyMap<string, Token>,
  lines: readonly Line[],
): void {
  const end = lines.at(-1)?.end ?? { line: 1, column: 1 }
  const missing = SECTIONS[sections]
  if (missing !== undefined) throw invalidAt(source, end, `the section [${missing}] is missing`, 'add it')
  const open = [...requests.keys()].find((name) => !matchers.has(name))
  if (open === undefined) return
  throw invalidAt(source, places.get(open) ?? end, `the request ${open} has no matcher`, 'say when it is allowed')
}
