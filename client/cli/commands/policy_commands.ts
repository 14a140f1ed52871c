/**
 * `tacit policy check | test | explain | show | put`. The first three try policies out on this machine, by the code
 * that decides on the platform, before they are in force for anybody.
 */
import { basename } from 'node:path'
import type { Command } from 'commander'
import { z } from 'zod'
import type { AccessDecision, AccessQuestion, PolicyDocuments } from '../../../messages/index.ts'
import {
  accessQuestion,
  defined,
  documentName,
  mapDefined,
  parseBy,
  policyDocuments,
  Refusal,
} from '../../../messages/index.ts'
import { CommandFailure } from '../terminal/output.ts'
import type { PartyContext } from '../platform/party.ts'
import { withSession } from '../platform/party.ts'
import { readGiven, readGivenJson } from '../terminal/given_file.ts'
import { collect } from '../terminal/option_values.ts'

/** Access control for whoever writes policies. It is handed in, because this floor does not import the services. */
export interface PolicyTool {
  version: string
  builtIn: Readonly<Record<string, string>>
  decide(question: AccessQuestion): AccessDecision
}
/** @throws Refusal `policy_invalid`, naming document, line and column */
export type OpenPolicy = (documents: PolicyDocuments) => Promise<PolicyTool>

/** Questions with the answers they should get; `rule` is given only where it matters which rule decides. */
const policyCases = z
  .array(
    z.strictObject({
      about: z.string().max(200),
      question: accessQuestion,
      allowed: z.boolean(),
      rule: z.string().optional(),
    }),
  )
  .min(1)
  .max(10_000)

export function addPolicyCommands(
  program: Command,
  contextOf: (command: Command) => PartyContext,
  openPolicy: OpenPolicy,
): void {
  const policy = program.command('policy').description('the policies that decide who may do what with which data')
  policy
    .command('check <file...>')
    .description('validate policy files (.cedar, or .sets for the set language) together with the built-in policies')
    .action(async (files: string[], _options: object, command: Command) => {
      const { output } = contextOf(command)
      const documents = await readDocuments(files)
      const { version } = await openPolicy(documents)
      output.result({ ok: true, documents: Object.keys(documents), policy_version: version }, [
        `${Object.keys(documents).join(', ')}: valid; together with the built-in policies, version ${version}`,
      ])
    })
  policy
    .command('test <cases>')
    .description('ask the questions in a JSON file, and compare the answers with the expected ones')
    .option('--policy <file>', 'a policy file to add (repeatable)', collect, [])
    .action(async (path: string, options: { policy: string[] }, command: Command) => {
      const { output } = contextOf(command)
      const cases = parseBy(policyCases, await readGivenJson(path, 'a JSON list of cases'), 'policy cases')
      const tool = await openPolicy(await readDocuments(options.policy))
      const results = cases.map(({ about, question, allowed, rule }) => {
        const decision = tool.decide(question)
        const ok = decision.allowed === allowed && (rule === undefined || decision.rule === rule)
        return { about, ok, ...decision }
      })
      const failed = results.filter(({ ok }) => !ok)
      const lines = results.map(({ ok, about, reason }) => `${ok ? 'ok    ' : 'FAILED'}  ${about}: ${reason}`)
      if (failed.length === 0) return output.result({ ok: true, cases: results }, lines)
      for (const line of lines) output.say(line)
      throw new CommandFailure(
        'policy_invalid',
        `${failed.length} of ${results.length} questions did not get the expected answer`,
        { ok: false, cases: results },
        { hint: '"tacit policy explain" shows the policy that decides a question' },
      )
    })
  policy
    .command('explain <question>')
    .description('answer the question in a JSON file, and show the policy that decides it')
    .option('--policy <file>', 'a policy file to add (repeatable)', collect, [])
    .action(async (path: string, options: { policy: string[] }, command: Command) => {
      const { output } = contextOf(command)
      const question = parseBy(accessQuestion, await readGivenJson(path, 'a JSON question'), 'access_control.decide')
      const documents = await readDocuments(options.policy)
      const tool = await openPolicy(documents)
      const decision = tool.decide(question)
      const text = tool.builtIn[decision.rule] ?? documents[decision.rule.split('.')[0] ?? '']?.text ?? null
      output.result({ ...decision, policy: text }, [
        decision.reason,
        `  ${decision.allowed ? 'allowed' : 'refused'} by ${decision.rule}, policy version ${decision.policy_version}`,
        ...(text?.split('\n').map((line) => `  | ${line}`) ?? []),
      ])
    })
  addPlatformCommands(policy, contextOf)
}

function addPlatformCommands(policy: Command, contextOf: (command: Command) => PartyContext): void {
  policy
    .command('show [version]')
    .description('show the policies in force on the platform, or those of an earlier version')
    .action(async (version: string | undefined, _options: object, command: Command) => {
      const context = contextOf(command)
      await withSession(context, async (api) => {
        const found = await api.get_policy(defined({ version: mapDefined(version, Number) }))
        const added = Object.entries(found.documents).flatMap(([name, { language, text }]) => [
          `# ${name} (${language})`,
          text,
        ])
        const origin = found.changed_by === null ? 'only the built-in policies' : `by ${found.changed_by}`
        context.output.result({ policy: found }, [
          `version ${found.version}, ${origin}`,
          ...Object.values(found.built_in),
          ...added,
        ])
      })
    })
  policy
    .command('put [file...]')
    .description('replace the policies that were added to the built-in ones; without a file, remove them (admins)')
    .option('--replaces <version>', 'replace only this version; refuse if another is in force', Number)
    .action(async (files: string[], options: { replaces?: number }, command: Command) => {
      const context = contextOf(command)
      const documents = await readDocuments(files)
      await withSession(context, async (api) => {
        const replaces = options.replaces ?? (await api.get_policy({})).version
        const { version, policy_version } = await api.put_policy({ replaces, documents })
        context.output.result({ version, policy_version }, [`version ${version} of the policy is in force`])
      })
    })
}

/** A document has the name of its file, whose ending says the language. */
async function readDocuments(files: readonly string[]): Promise<PolicyDocuments> {
  const documents: PolicyDocuments = {}
  for (const path of files) {
    const [, name = '', ending] = /^(.*)\.(cedar|sets)$/.exec(basename(path)) ?? []
    if (ending === undefined || !documentName.safeParse(name).success || Object.hasOwn(documents, name)) {
      throw new Refusal('invalid_request', `${path} cannot be a policy document by this name`, {
        hint: 'use lower-case letters, digits and _, each name once, and the ending .cedar or .sets',
      })
    }
    const text = (await readGiven(path, 'a file with policies')).toString()
    documents[name] = { language: ending === 'cedar' ? 'cedar' : 'sets', text }
  }
  return parseBy(policyDocuments, documents, 'policy documents')
}
