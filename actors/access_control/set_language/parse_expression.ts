/**
 * Parses the right side of a matcher. `not` binds closer than `and`, `and` closer than `or`; sets are compared, not
 * truths.
 */
import type { Comparison, Expression, SetLanguageText, TermUse } from './grammar.ts'
import { COMPARISONS } from './grammar.ts'
import type { TokenReader } from './tokens.ts'

/** Deeper nesting has no use, and must not fill the stack. */
const DEPTH_MAX = 64

export function parseExpression(
  reader: TokenReader,
  request: string,
  { requests, terms }: Pick<SetLanguageText, 'requests' | 'terms'>,
): Expression {
  const fields = requests.get(request) ?? []
  let depth = 0

  function or(): Expression {
    let left = and()
    while (reader.takes('or')) left = { kind: 'or', left, right: and() }
    return left
  }

  function and(): Expression {
    let left = not()
    while (reader.takes('and')) left = { kind: 'and', left, right: not() }
    return left
  }

  function not(): Expression {
    const place = reader.peek()
    depth += 1
    if (depth > DEPTH_MAX)
      throw reader.wrong(place, `more than ${DEPTH_MAX} things inside each other`, 'write it flatter')
    const expression = reader.takes('not') ? ({ kind: 'not', operand: not() } as const) : primary()
    depth -= 1
    return expression
  }

  function primary(): Expression {
    if (reader.takes('(')) {
      const inner = or()
      reader.symbol(')')
      return inner
    }
    const left = term()
    const comparison = COMPARISONS.find((sign) => reader.takes(sign))
    if (comparison !== undefined) return compare(comparison, left, term())
    if (left.fields.includes(undefined)) {
      throw reader.wrong(
        left,
        `${left.term} is a set here, which is neither true nor false`,
        'compare it, as in a <= b',
      )
    }
    return { kind: 'member', use: left }
  }

  function compare(comparison: Comparison, left: TermUse, right: TermUse): Expression {
    for (const use of [left, right]) {
      if (use.fields.includes(undefined)) continue
      throw reader.wrong(use, `${use.term} is no set here, since all of it is given`, 'put _ where the set is wanted')
    }
    const [a, b] = [left, right].map(({ fields }) => fields.filter((field) => field === undefined).length)
    if (a !== b) throw reader.wrong(right, `tuples of ${b} are compared with tuples of ${a}`, 'give both as many _')
    return { kind: 'compare', comparison, left, right }
  }

  function term(): TermUse {
    const name = reader.name('a term')
    const columns = terms.get(name.text)
    if (columns === undefined) {
      throw reader.wrong(name, `there is no term ${name.text}`, `the terms are ${[...terms.keys()].join(', ')}`)
    }
    reader.symbol('(')
    const given: (string | undefined)[] = []
    do given.push(argument())
    while (reader.takes(','))
    reader.symbol(')')
    if (given.length !== columns.length) {
      const hint = `write ${name.text}(${columns.join(', ')})`
      throw reader.wrong(name, `${name.text} has ${columns.length} columns, not ${given.length}`, hint)
    }
    return { term: name.text, fields: given, line: name.line, column: name.column }
  }

  function argument(): string | undefined {
    if (reader.takes('_')) return undefined
    const owner = reader.name('a field of the request, or _,')
    if (owner.text !== request) {
      throw reader.wrong(owner, `${owner.text} is not the request that is matched`, `write ${request}.<field>`)
    }
    reader.symbol('.')
    const field = reader.name('a field')
    if (!fields.includes(field.text)) {
      throw reader.wrong(field, `${request} has no field ${field.text}`, `it has ${fields.join(', ')}`)
    }
    return field.text
  }

  return or()
}
