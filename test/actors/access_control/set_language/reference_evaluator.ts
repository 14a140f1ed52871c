/**
 * What an expression of the set language means, written down as plainly as can be: sets are lists, nothing is prepared,
 * and `undefined` stands for an answer that cannot be given because an object is unknown.
 */
import type { SetFacts, Tuple } from '../../../../actors/access_control/set_language/compile.ts'
import type { Expression, TermUse } from '../../../../actors/access_control/set_language/grammar.ts'

export function meaningOf(expression: Expression, facts: SetFacts): boolean | undefined {
  switch (expression.kind) {
    case 'not': {
      const operand = meaningOf(expression.operand, facts)
      return operand === undefined ? undefined : !operand
    }
    case 'and':
      return meaningOf(expression.left, facts) === true
        ? meaningOf(expression.right, facts)
        : meaningOf(expression.left, facts)
    case 'or':
      return meaningOf(expression.left, facts) === false
        ? meaningOf(expression.right, facts)
        : meaningOf(expression.left, facts)
    case 'member': {
      const objectIsKnown = matching(expression.use, facts, [0]).length > 0
      if (expression.use.fields.length > 1 && !objectIsKnown) return undefined
      return matching(expression.use, facts, [...expression.use.fields.keys()]).length > 0
    }
    case 'compare': {
      const [a, b] = [setOf(expression.left, facts), setOf(expression.right, facts)]
      if (a === undefined || b === undefined) return undefined
      const within = (some: string[], others: string[]) => some.every((value) => others.includes(value))
      const equal = within(a, b) && within(b, a)
      switch (expression.comparison) {
        case '<=':
          return within(a, b)
        case '<':
          return within(a, b) && !equal
        case '>=':
          return within(b, a)
        case '>':
          return within(b, a) && !equal
      }
    }
  }
}

/** The tuples that agree with the question in these columns. */
function matching({ term, fields }: TermUse, facts: SetFacts, columns: number[]): Tuple[] {
  return (facts.relations[term] ?? []).filter((tuple) =>
    columns.every((column) => tuple[column] === facts.fields[fields[column] ?? '']),
  )
}

function setOf(use: TermUse, facts: SetFacts): string[] | undefined {
  const given = [...use.fields.keys()].filter((column) => use.fields[column] !== undefined)
  const found = matching(use, facts, given)
  if (found.length === 0 && given.length > 0) return undefined
  return found.map((tuple) => tuple.filter((_, column) => !given.includes(column)).join('|'))
}
