/**
 * Compiles a parsed text: each matcher becomes one function of the facts, and the text is not looked at again. If a set
 * is empty because its object is unknown, the whole question is refused, under `not` too: the empty set is a subset of
 * every set, and knowing nothing must not allow anything.
 */
import { assert } from '../../../messages/index.ts'
import type { Comparison, Expression, SetLanguageText, TermUse } from './grammar.ts'

export type Tuple = readonly string[]

/** The facts of one question. */
export interface SetFacts {
  fields: Readonly<Record<string, string>>
  relations: Readonly<Record<string, readonly Tuple[]>>
}

export interface SetVerdict {
  allowed: boolean
  reason: string
}

export interface SetRules {
  /** Undefined when the text says nothing about such a request. @param facts asked for only if it does */
  decide(request: string, facts: () => SetFacts): SetVerdict | undefined
}

/** A tuple as one text that no other tuple has. */
const keyOf = (tuple: Tuple) => JSON.stringify(tuple)

class Unknown extends Error {}

type Check = (facts: SetFacts) => boolean

export function compileSets({ source, matchers }: SetLanguageText): SetRules {
  const checks = new Map([...matchers].map(([request, expression]) => [request, compile(expression)]))
  return {
    decide(request, facts) {
      const check = checks.get(request)
      if (check === undefined) return undefined
      try {
        const allowed = check(facts())
        return { allowed, reason: `the matcher of ${request} in ${source.name} is ${allowed ? 'met' : 'not met'}` }
      } catch (error) {
        if (!(error instanceof Unknown)) throw error
        return { allowed: false, reason: `the matcher of ${request} in ${source.name} cannot be met: ${error.message}` }
      }
    },
  }
}

function compile(expression: Expression): Check {
  switch (expression.kind) {
    case 'member':
      return compileMember(expression.use)
    case 'compare': {
      const [left, right] = [compileSet(expression.left), compileSet(expression.right)]
      const holds = COMPARE[expression.comparison]
      return (facts) => holds(left(facts), right(facts))
    }
    case 'not': {
      const operand = compile(expression.operand)
      return (facts) => !operand(facts)
    }
    case 'and': {
      const [left, right] = [compile(expression.left), compile(expression.right)]
      return (facts) => left(facts) && right(facts)
    }
    case 'or': {
      const [left, right] = [compile(expression.left), compile(expression.right)]
      return (facts) => left(facts) || right(facts)
    }
  }
}

/** Membership; its first column is the object, and a relation of one column is a mark that an object may lack. */
function compileMember(use: TermUse): Check {
  return (facts) => {
    const tuple = use.fields.map((field) => fieldOf(facts, field))
    const relation = relationOf(facts, use)
    if (tuple.length > 1 && !relation.some(([object]) => object === tuple[0])) throw unknown(use, facts)
    const key = keyOf(tuple)
    return relation.some((other) => keyOf(other) === key)
  }
}

/** The values in the columns that are `_`, of the tuples that have the given ones. */
function compileSet(use: TermUse): (facts: SetFacts) => ReadonlySet<string> {
  const given = use.fields.flatMap((field, column) => (field === undefined ? [] : [{ field, column }]))
  const free = use.fields.flatMap((field, column) => (field === undefined ? [column] : []))
  return (facts) => {
    const values = new Set<string>()
    for (const tuple of relationOf(facts, use)) {
      if (given.every(({ field, column }) => tuple[column] === fieldOf(facts, field))) {
        values.add(keyOf(free.map((column) => tuple[column] ?? '')))
      }
    }
    if (values.size === 0 && given.length > 0) throw unknown(use, facts)
    return values
  }
}

const COMPARE: Record<Comparison, (a: ReadonlySet<string>, b: ReadonlySet<string>) => boolean> = {
  '<=': isSubset,
  '<': (a, b) => a.size < b.size && isSubset(a, b),
  '>=': (a, b) => isSubset(b, a),
  '>': (a, b) => b.size < a.size && isSubset(b, a),
}

function isSubset(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size <= b.size && [...a].every((value) => b.has(value))
}

function relationOf({ relations }: SetFacts, { term }: TermUse): readonly Tuple[] {
  return relations[term] ?? []
}

function fieldOf({ fields }: SetFacts, field: string | undefined): string {
  const value = field === undefined ? undefined : fields[field]
  assert(value !== undefined, 'a question brings every field that its request names')
  return value
}

function unknown({ term, fields }: TermUse, facts: SetFacts): Unknown {
  const object = fields.map((field) => (field === undefined ? '_' : fieldOf(facts, field))).join(', ')
  return new Unknown(`nothing is known of ${term}(${object})`)
}
