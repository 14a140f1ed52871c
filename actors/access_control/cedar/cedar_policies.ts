/**
 * A checked set of Cedar policies, ready to decide. The engine copies its parsed policies and schema for each decision,
 * so for each action it is given only what belongs to that action. The engine cannot forget what it parsed, so what it
 * keeps is named by action, and each name holds the policies of whichever set asked last.
 *
 * This drawer holds everything that is written in Cedar's terms: texts, questions, and the engine.
 */
import {
  checkParseSchema,
  preparsePolicySet,
  preparseSchema,
  schemaToJson,
  statefulIsAuthorized,
  validate,
} from './engine.ts'
import type { SchemaJson, StatefulAuthorizationCall } from './engine.ts'
import { assert, defined, mapDefined } from '../../../messages/index.ts'
import type { CedarPolicy } from './cedar_source.ts'
import { invalidBy } from './cedar_source.ts'
import type { PolicyText } from '../text_place.ts'
import { invalidAt, placeOf } from '../text_place.ts'

export type CedarRequest = Pick<StatefulAuthorizationCall, 'principal' | 'resource' | 'context' | 'entities'> & {
  action: { type: string; id: string }
}

/** `by`: the policy that decided; absent where none had a say, or the engine failed. */
export interface CedarAnswer {
  allowed: boolean
  by?: CedarPolicy
  /** Why the engine came to no decision: a defect of a policy or of the question. */
  error?: string
}

/** Whose policies the engine has under the name of each action. */
const inSlot = new Map<string, CedarPolicies>()

export class CedarPolicies {
  readonly policies: ReadonlyMap<string, CedarPolicy>
  readonly #schema: SchemaJson<string>[string]

  /** @throws Refusal `policy_invalid` for the first policy that the schema does not allow */
  constructor(schema: PolicyText, policies: readonly CedarPolicy[]) {
    this.policies = byId(policies)
    const parsed = checkParseSchema(schema.text)
    if (parsed.type === 'failure') throw invalidBy(schema, parsed.errors[0], 0)
    const answer = validate({
      schema: schema.text,
      policies: { staticPolicies: this.#texts() },
      validationSettings: { mode: 'strict' },
    })
    if (answer.type === 'failure') throw invalidBy(schema, answer.errors[0], 0)
    this.#schema = readSchema(schema)
    // A policy that can never hold is a mistake too; whoever wrote it believes that it does something.
    const [problem] = [...answer.validationErrors, ...answer.validationWarnings].sort((a, b) => this.#compare(a, b))
    if (problem === undefined) return
    const { source, start } = this.#policy(problem.policyId)
    throw invalidBy(source, problem.error, start)
  }

  ask(request: CedarRequest): CedarAnswer {
    const slot = request.action.id
    if (!Object.hasOwn(this.#schema.actions, slot)) return { allowed: false, error: `nobody knows the action ${slot}` }
    if (inSlot.get(slot) !== this) this.#fillSlot(slot)
    const answer = statefulIsAuthorized({
      ...request,
      preparsedSchemaName: slot,
      preparsedPolicySetId: slot,
      validateRequest: true,
    })
    if (answer.type === 'failure') return { allowed: false, error: answer.errors[0]?.message ?? 'no decision' }
    const { decision, diagnostics } = answer.response
    const [failed] = diagnostics.errors
    // A policy that could not be evaluated may be the one that forbids.
    if (failed !== undefined) {
      return { allowed: false, by: this.#policy(failed.policyId), error: failed.error.message }
    }
    const [id] = [...diagnostics.reason].sort()
    return { allowed: decision === 'allow', ...defined({ by: mapDefined(id, (known) => this.#policy(known)) }) }
  }

  #fillSlot(action: string): void {
    const { actions } = this.#schema
    const schema = preparseSchema(action, { '': { ...this.#schema, actions: { [action]: actions[action] ?? {} } } })
    const policies = preparsePolicySet(action, { staticPolicies: this.#texts(action) })
    assert(schema.type === 'success' && policies.type === 'success', 'what was validated can be parsed again')
    inSlot.set(action, this)
  }

  /** The policies that may have a say about the action; all of them, unless told. */
  #texts(action?: string): Record<string, string> {
    const concerned = [...this.policies.values()].filter(
      ({ actions }) => action === undefined || actions === undefined || actions.includes(action),
    )
    return Object.fromEntries(concerned.map(({ id, text }) => [id, text]))
  }

  #policy(id: string): CedarPolicy {
    const policy = this.policies.get(id)
    assert(policy !== undefined, 'the engine names policies that it was given')
    return policy
  }

  #compare(a: { policyId: string }, b: { policyId: string }): number {
    const [first, second] = [this.#policy(a.policyId), this.#policy(b.policyId)]
    return first.source.name === second.source.name
      ? first.start - second.start
      : first.source.name < second.source.name
        ? -1
        : 1
  }
}

/** Schemas here have no namespaces and no groups of actions: each action stands for itself. */
function readSchema(source: PolicyText): SchemaJson<string>[string] {
  const answer = schemaToJson(source.text)
  assert(answer.type === 'success', 'the schema was parsed before')
  const { '': schema, ...namespaces } = answer.json
  const grouped = Object.values(schema?.actions ?? {}).some(({ memberOf = [] }) => memberOf.length > 0)
  if (schema === undefined || grouped || Object.keys(namespaces).length > 0) {
    throw invalidAt(
      source,
      { line: 1, column: 1 },
      'the schema has namespaces or groups of actions',
      'name each action',
    )
  }
  return schema
}

function byId(policies: readonly CedarPolicy[]): Map<string, CedarPolicy> {
  const known = new Map<string, CedarPolicy>()
  for (const policy of policies) {
    const { id, source, start } = policy
    if (known.has(id)) throw invalidAt(source, placeOf(source.text, start), `the id ${id} is taken`, 'give it another')
    known.set(id, policy)
  }
  return known
}
