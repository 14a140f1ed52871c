/** Where in a policy's text something is wrong, in the form that editors understand; lines and columns begin at 1. */
import { Refusal } from '../../messages/index.ts'

/** A policy's text, by the name of its file or document. */
export interface PolicyText {
  name: string
  text: string
}

/**
 * @param problem a clause about what stands there
 * @returns a refusal `policy_invalid` that begins `<name>:<line>:<column>`
 */
export function invalidAt(
  { name }: Pick<PolicyText, 'name'>,
  { line, column }: Place,
  problem: string,
  hint?: string | null,
): Refusal {
  return new Refusal('policy_invalid', `${name}:${line}:${column}: ${problem}`, {
    hint: hint ?? 'run "tacit policy check" on the text before it is put',
    field: name,
  })
}

export interface Place {
  line: number
  column: number
}

/** @param byteOffset counted in UTF-8, as the engine counts */
export function placeOf(text: string, byteOffset: number): Place {
  const before = Buffer.from(text).subarray(0, byteOffset).toString()
  const lines = before.split('\n')
  return { line: lines.length, column: (lines.at(-1) ?? '').length + 1 }
}
