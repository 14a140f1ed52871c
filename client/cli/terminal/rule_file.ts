/** A rule of an owner for the use of its data, from a JSON file. */
import { Option } from 'commander'
import type { DataRule } from '../../../messages/index.ts'
import { dataRule, parseBy, Refusal } from '../../../messages/index.ts'
import { readGiven } from './given_file.ts'

export function ruleOption(): Option {
  return new Option(
    '--rule <file>',
    'a JSON file that says for which use: name, functions, parties, executors, platforms, until',
  )
}

/** What a registration says of the rule; nothing without a file. @throws Refusal `malformed`, `invalid_request` */
export async function readRule(path: string | undefined): Promise<{ rule?: DataRule }> {
  if (path === undefined) return {}
  const text = (await readGiven(path, 'a JSON file with the rule')).toString()
  try {
    return { rule: parseBy(dataRule, JSON.parse(text), 'rule') }
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal('malformed', `${path} is not JSON`, {
      hint: 'run "tacit schema frontend.register_input_file" for what a rule is',
      cause: error,
    })
  }
}
