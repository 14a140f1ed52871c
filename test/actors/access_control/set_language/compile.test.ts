import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SetFacts } from '../../../../actors/access_control/set_language/compile.ts'
import { compileSets } from '../../../../actors/access_control/set_language/compile.ts'
import { factsOf } from '../../../../actors/access_control/set_language/facts.ts'
import type { Expression, SetLanguageText } from '../../../../actors/access_control/set_language/grammar.ts'
import { parseSets } from '../../../../actors/access_control/set_language/parse.ts'
import { createId } from '../../../../messages/index.ts'
import { ANCESTOR } from './ancestor_text.ts'
import { meaningOf } from './reference_evaluator.ts'

const TERMS = { mark: 1, owner: 2, party: 2, grant: 3 } as const
type Term = keyof typeof TERMS
const object = fc.constantFrom('x', 'y', 'z')
const column = (free: boolean) => (free ? fc.constant('_') : fc.constantFrom('q.a', 'q.b'))
const names = Object.keys(TERMS) as Term[]

/** A use of a term with so many `_`, as text. */
function use(free: number): fc.Arbitrary<string> {
  return fc.constantFrom(...names.filter((name) => TERMS[name] >= free)).chain((name) =>
    fc
      .shuffledSubarray([...Array(TERMS[name]).keys()], { minLength: free, maxLength: free })
      .chain((at) => fc.tuple(...Array.from({ length: TERMS[name] }, (_, index) => column(at.includes(index)))))
      .map((columns) => `${name}(${columns.join(', ')})`),
  )
}
const leaf = fc.oneof(
  use(0),
  fc
    .tuple(fc.integer({ min: 1, max: 2 }), fc.constantFrom('<=', '<', '>=', '>'))
    .chain(([free, sign]) => fc.tuple(use(free), use(free)).map((sides) => sides.join(` ${sign} `))),
)
const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 3 },
    leaf,
    tie('expression').map((inner) => `not (${inner})`),
    fc
      .tuple(tie('expression'), fc.constantFrom('and', 'or'), tie('expression'))
      .map(([left, word, right]) => `(${left}) ${word} (${right})`),
  ),
}))
const relation = (columns: number) =>
  fc.array(fc.tuple(...Array.from({ length: columns }, () => object)), { maxLength: 5 })
const facts: fc.Arbitrary<SetFacts> = fc.record({
  fields: fc.record({ a: object, b: object }),
  relations: fc.record(Object.fromEntries(names.map((name) => [name, relation(TERMS[name])]))),
})

function textOf(matcher: string): SetLanguageText {
  const terms = names.map((name) => `${name} = ${['c', 'd', 'e'].slice(0, TERMS[name]).join(', ')}`)
  return parseSets({
    name: 't',
    text: `[requests]\nq = a, b\n[terms]\n${terms.join('\n')}\n[matchers]\nq = ${matcher}\n`,
  })
}

describe('a compiled text', () => {
  it('means what the plain reading of it means, and refuses what is unknown', () => {
    fc.assert(
      fc.property(expression, facts, (matcher, given) => {
        const text = textOf(matcher)
        const meaning = meaningOf(text.matchers.get('q') as Expression, given)
        const verdict = compileSets(text).decide('q', () => given)
        expect(verdict?.allowed).toBe(meaning === true)
        expect(verdict?.reason.includes('nothing is known of')).toBe(meaning === undefined)
      }),
      { numRuns: 1000 },
    )
  })

  const decide = (request: string, given: SetFacts) =>
    compileSets(parseSets({ name: 'old', text: ANCESTOR })).decide(request, () => given)
  const [TASK, DATA] = [createId('task', 't'), createId('input', 'd')]

  it('of the ancestor asks for owners among the parties, and refuses data of nobody', () => {
    const ask = (parties: string[], owners: string[]) =>
      decide(
        'task_access_data',
        factsOf({ question: 'task_access_data', task: { task_id: TASK, parties }, data: { data_id: DATA, owners } }),
      )?.allowed
    expect(ask(['ann', 'bob'], ['ann'])).toBe(true)
    expect(ask(['ann'], ['ann', 'bob'])).toBe(false)
    expect(ask(['ann'], [])).toBe(false)
    expect(ask([], ['ann'])).toBe(false)
  })

  it('finds facts for every question about things', () => {
    const used = { function_id: createId('function', 'f'), owner: 'fay', public: false }
    const ask = (parties: string[], isPublic = false) =>
      decide(
        'task_access_function',
        factsOf({
          question: 'task_access_function',
          task: { task_id: TASK, parties },
          function: { ...used, public: isPublic },
        }),
      )?.allowed
    expect([ask(['fay']), ask(['ann']), ask(['ann'], true)]).toEqual([true, false, true])
    const own = factsOf({ question: 'user_access_data', user_id: 'ann', data: { data_id: DATA, owners: ['ann'] } })
    expect(decide('user_access_data', own)?.allowed).toBe(true)
    expect(() => factsOf({ question: 'api', role: 'DataOwner', method: 'get_task' })).toThrow(/no request/)
  })

  it('does not let a denial follow from knowing nothing', () => {
    const rules = compileSets(textOf('not owner(q.a, q.b)'))
    const known = (tuples: [string, string][]) => ({ fields: { a: 'x', b: 'y' }, relations: { owner: tuples } })
    expect(rules.decide('q', () => known([['x', 'z']]))?.allowed).toBe(true)
    expect(rules.decide('q', () => known([['z', 'y']]))).toMatchObject({
      allowed: false,
      reason: /nothing is known of owner\(x, y\)/,
    })
  })
})
