/** What the set language can say: relations, questions about them, and for each question an expression over sets. */
import type { Place, PolicyText } from '../text_place.ts'

export const COMPARISONS = ['<=', '<', '>=', '>'] as const
export type Comparison = (typeof COMPARISONS)[number]

/** Words of the language; nothing else has such a name. */
export const WORDS: readonly string[] = ['and', 'or', 'not', '_']

/** A relation with, for each column, a field of the question, or undefined for `_`. */
export interface TermUse extends Place {
  term: string
  fields: (string | undefined)[]
}

export type Expression =
  | { kind: 'member'; use: TermUse }
  | { kind: 'compare'; comparison: Comparison; left: TermUse; right: TermUse }
  | { kind: 'and' | 'or'; left: Expression; right: Expression }
  | { kind: 'not'; operand: Expression }

export interface SetLanguageText {
  source: PolicyText
  /** The fields of each request. */
  requests: ReadonlyMap<string, readonly string[]>
  /** The columns of each term. */
  terms: ReadonlyMap<string, readonly string[]>
  matchers: ReadonlyMap<string, Expression>
}
