/**
 * Reads Cedar text into single policies, each by its own id. A policy must name itself (`@id`), since every decision is
 * explained by such a name; a template has no meaning here.
 */
import { defined } from '../../../messages/index.ts'
import { policySetTextToParts, policyToJson } from './engine.ts'
import type { DetailedError, PolicyJson } from './engine.ts'
import type { Place, PolicyText } from '../text_place.ts'
import { invalidAt, placeOf } from '../text_place.ts'

const ID = /^[a-z][a-z0-9_]{0,63}$/

export interface CedarPolicy {
  /** Of an added document: `<document>.<id>`. */
  id: string
  text: string
  effect: 'permit' | 'forbid'
  /** The actions that its head names; undefined for any. */
  actions?: string[]
  /** What it demands or forbids, for people. */
  says: string
  /** Its refusals carry the name of the owner's rule. */
  namedByOwner: boolean
  /** Whether it is about a task or data that it names. */
  namesThings: boolean
  source: PolicyText
  /** Where it begins in its source, in bytes. */
  start: number
}

/** @param prefix stands before each id. @throws Refusal `policy_invalid` */
export function readCedar(source: PolicyText, prefix = ''): CedarPolicy[] {
  const parts = policySetTextToParts(source.text)
  if (parts.type === 'failure') throw invalidBy(source, parts.errors[0], 0)
  const bytes = Buffer.from(source.text)
  const starts = new Set<number>()
  /** The engine gives the parts without their places. */
  const findStart = (text: string) => {
    let start = bytes.indexOf(text)
    while (starts.has(start)) start = bytes.indexOf(text, start + 1)
    starts.add(start)
    return Math.max(start, 0)
  }
  const [template] = parts.policy_templates
  if (template !== undefined) {
    throw invalidAt(source, placeOf(source.text, findStart(template)), 'a template decides nothing', 'write a policy')
  }
  return parts.policies.map((text) => {
    const start = findStart(text)
    const place = placeOf(source.text, start)
    const answer = policyToJson(text)
    if (answer.type === 'failure') throw invalidBy(source, answer.errors[0], start)
    return readPolicy(source, prefix, { text, start, place, json: answer.json })
  })
}

interface Part {
  text: string
  start: number
  place: Place
  json: PolicyJson
}

function readPolicy(source: PolicyText, prefix: string, { text, start, place, json }: Part): CedarPolicy {
  const { id, says, named_by } = json.annotations ?? {}
  if (id === undefined || !ID.test(id)) {
    throw invalidAt(source, place, 'the policy has no id of small letters, digits and _', 'put @id("...") before it')
  }
  const actions = actionsOf(json)
  return {
    id: `${prefix}${id}`,
    text,
    effect: json.effect,
    ...defined({ actions }),
    says: says ?? id,
    namedByOwner: named_by === 'owner',
    // An entity is written so wherever one may stand, and nothing else is.
    namesThings: /"type":"(?:Task|Data)"/.test(JSON.stringify(json)),
    source,
    start,
  }
}

function actionsOf({ action }: PolicyJson): string[] | undefined {
  if (action.op === 'All') return undefined
  const entities = 'entities' in action ? action.entities : 'entity' in action ? [action.entity] : []
  return entities.map((entity) => ('__entity' in entity ? entity.__entity.id : entity.id))
}

/** @param start where the text that the engine saw begins in the source, in bytes */
export function invalidBy(source: PolicyText, error: DetailedError | undefined, start: number) {
  const at = error?.sourceLocations?.[0]
  const expected = at?.label === undefined || at.label === null ? '' : ` (${at.label})`
  const problem = `${error?.message ?? 'the engine gives no reason'}${expected}`
  return invalidAt(source, placeOf(source.text, start + (at?.start ?? 0)), problem, error?.help)
}
