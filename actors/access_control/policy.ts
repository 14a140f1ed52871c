/**
 * All that decides, in one version: the policies of the code, and the documents that a deployment added. The code's are
 * always in force. What was added may take away, and may open methods of the API to roles; it cannot open a party's
 * data.
 */
import type { AccessDecision, AccessQuestion, PolicyDocuments } from '../../messages/index.ts'
import { digestJson, ROLES } from '../../messages/index.ts'
import { CedarPolicies } from './cedar/cedar_policies.ts'
import type { CedarPolicy } from './cedar/cedar_source.ts'
import { readCedar } from './cedar/cedar_source.ts'
import type { CedarQuestion } from './cedar/cedar_question.ts'
import { toCedar } from './cedar/cedar_question.ts'
import { RememberedAnswers } from './remembered_answers.ts'
import type { PolicyFiles } from './policy_files.ts'
import { factsOf, PLATFORM_LANGUAGE } from './set_language/facts.ts'
import { compileSets, type SetRules } from './set_language/compile.ts'
import { parseSets } from './set_language/parse.ts'
import { invalidAt, placeOf } from './text_place.ts'

/** Questions about things; every other action of the schema is a method of the API. */
const ABOUT_THINGS: readonly string[] = [
  'user_access_data',
  'user_access_function',
  'user_access_task',
  'task_access_function',
  'task_access_data',
  'staged_task',
] satisfies AccessQuestion['question'][]

type Verdict = Omit<AccessDecision, 'policy_version'>

export class Policy {
  /** See `policyVersion`. */
  readonly version: string
  readonly documents: PolicyDocuments
  /** The policies of the code, by id. */
  readonly builtIn: Readonly<Record<string, string>>
  readonly #answers: RememberedAnswers
  readonly #sets: readonly { name: string; rules: SetRules }[]

  /** @throws Refusal `policy_invalid`, naming document, line and column */
  constructor({ schema, policies }: PolicyFiles, documents: PolicyDocuments = {}) {
    const builtIn = policies.flatMap((source) => readCedar(source))
    const added = Object.entries(documents)
    const addedCedar = added.flatMap(([name, { language, text }]) =>
      language === 'cedar' ? readCedar({ name, text }, `${name}.`) : [],
    )
    for (const policy of addedCedar) checkAddition(policy)
    const all = [...builtIn, ...addedCedar]
    const cedar = new CedarPolicies(schema, all)
    this.#answers = new RememberedAnswers(all, (request) => cedar.ask(request))
    this.#sets = added.flatMap(([name, { language, text }]) =>
      language === 'sets' ? [{ name, rules: compileSets(parseSets({ name, text }, PLATFORM_LANGUAGE)) }] : [],
    )
    this.documents = documents
    this.builtIn = Object.fromEntries(builtIn.map(({ id, text }) => [id, text]))
    this.version = policyVersion({ schema, policies }, documents)
  }

  decide(question: AccessQuestion): AccessDecision {
    return { ...this.#decide(question), policy_version: this.version }
  }

  #decide(question: AccessQuestion): Verdict {
    if (question.question !== 'staged_task') return this.#decideOne(question)
    // The first condition that does not hold decides, so that the refusal names the one thing that is in the way.
    const { task, use, function: used, data } = question
    const about = use === undefined ? { task } : { task, use }
    const conditions: CedarQuestion[] = [
      { question: 'staged_task', ...about },
      { question: 'task_access_function', ...about, function: used },
      ...data.map((item) => ({ question: 'task_access_data' as const, ...about, data: item })),
    ]
    let staged: Verdict | undefined
    for (const condition of conditions) {
      const verdict = this.#decideOne(condition)
      if (!verdict.allowed) return verdict
      staged ??= verdict
    }
    return staged ?? refuse('default_deny', `${task.task_id}: no rule allows it`)
  }

  #decideOne(question: CedarQuestion): Verdict {
    const what = describe(question)
    const { allowed, by, error } = this.#answers.answer(toCedar(question))
    if (error !== undefined) return refuse(by?.id ?? 'engine_error', `${what}: the engine cannot decide it (${error})`)
    if (by === undefined) return refuseUnmet(question, what)
    if (!allowed) return refuse(nameOf(by, question), `${what}: refused by ${by.id}, "${by.says}"`)
    for (const { name, rules } of this.#sets) {
      const holds = rules.decide(question.question, () => factsOf(question))
      if (holds === undefined || holds.allowed) continue
      return refuse(`${name}.${question.question}`, `${what}: ${holds.reason}`)
    }
    return { allowed: true, rule: by.id, reason: `${what}: allowed by ${by.id}, "${by.says}"` }
  }
}

/** Digest of the schema, of every policy file and of every document. */
export function policyVersion({ schema, policies }: PolicyFiles, documents: PolicyDocuments): string {
  return digestJson({ schema: schema.text, policies: policies.map(({ text }) => text), documents })
}

/** Added policies may not open what belongs to parties, or an admin could open it to themselves. */
function checkAddition({ effect, actions, source, start }: CedarPolicy): void {
  if (effect === 'forbid') return
  if (actions !== undefined && !actions.some((action) => ABOUT_THINGS.includes(action))) return
  throw invalidAt(
    source,
    placeOf(source.text, start),
    'an added policy may permit methods of the API and nothing else',
    'name the methods in its head (action in [...]), or write a forbid',
  )
}

/** True when somebody could still change the policy, were this one in force. */
export function canBeChanged(policy: Policy): boolean {
  return ROLES.some((role) => policy.decide({ question: 'api', role, method: 'put_policy' }).allowed)
}

/** The rule that a refusal names: an owner's own, by the name that the owner gave it, or the policy. */
function nameOf(policy: CedarPolicy, question: CedarQuestion): string {
  const rule = policy.namedByOwner && question.question === 'task_access_data' ? question.data.rule : undefined
  return rule === undefined ? policy.id : `owner_rule:${rule.name}`
}

/** Names the condition of a staged task that does not hold; any other question is refused because no rule allows it. */
function refuseUnmet(question: CedarQuestion, what: string): Verdict {
  const isCondition = question.question === 'task_access_function' || question.question === 'task_access_data'
  return refuse(isCondition ? question.question : 'default_deny', `${what}: no rule allows it`)
}

function refuse(rule: string, reason: string): Verdict {
  return { allowed: false, rule, reason }
}

function describe(question: CedarQuestion): string {
  switch (question.question) {
    case 'api':
      return `a ${question.role} calling ${question.method}`
    case 'user_access_data':
      return `${question.user_id} using ${question.data.data_id}`
    case 'user_access_function':
      return `${question.user_id} using ${question.function.function_id}`
    case 'user_access_task':
      return `${question.user_id} taking part in ${question.task.task_id}`
    case 'task_access_function':
      return `${question.task.task_id} using ${question.function.function_id}`
    case 'task_access_data':
      return `${question.task.task_id} using ${question.data.data_id}`
    case 'staged_task':
      return question.task.task_id
  }
}
