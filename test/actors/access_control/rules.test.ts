import { describe, expect, it } from 'vitest'
import type { AccessQuestion, DoorMethod, Role } from '../../../messages/index.ts'
import { accessDecision, accessQuestion, createId, frontend, ROLES } from '../../../messages/index.ts'
import { ManualClock } from '../../../runtime/index.ts'
import { openPolicy, start } from '../../../actors/access_control/index.ts'
import { schemaToJson } from '../../../actors/access_control/cedar/engine.ts'
import { readPolicyFiles } from '../../../actors/access_control/policy_files.ts'
import { localClient, localHost, memoryStorage } from '../authentication/local_service.ts'
import { API_ROLES } from './reference_rules.ts'

const policy = openPolicy()
const decide = (question: AccessQuestion) => policy.decide(question)
const METHODS = Object.keys(frontend.methods) as DoorMethod[]
const FUNCTION = createId('function')
const INPUT = createId('input')
const OUTPUT = createId('output')
const TASK = createId('task')

/** The roles column of the specification, in its own letters; written out a second time so that a slip in one shows. */
const SPECIFIED: Record<DoorMethod, string> = {
  register_function: 'F A',
  update_function: 'F A',
  get_function: 'F D A',
  get_function_usage: 'F D A',
  disable_function: 'F A',
  delete_function: 'F A',
  list_functions: 'F D A',
  register_input_file: 'D A',
  register_output_file: 'D A',
  update_input_file: 'D A',
  update_output_file: 'D A',
  register_fusion_output: 'D A',
  register_input_from_output: 'D A',
  get_input_file: 'D A',
  get_output_file: 'D A',
  delete_data: 'D A',
  list_data: 'D A',
  create_task: 'D A',
  get_task: 'D A F',
  list_tasks: 'D A F',
  watch_task: 'D A F',
  assign_data: 'D A F',
  approve_task: 'D A F',
  invoke_task: 'D A',
  cancel_task: 'D A',
  query_audit_log: 'A',
  verify_audit_log: 'A',
  revoke_member: 'A',
  get_policy: 'F D A',
  put_policy: 'A',
}
const LETTERS: Record<Role, string> = { PlatformAdmin: 'A', FunctionOwner: 'F', DataOwner: 'D', DataOwnerManager: 'D' }

function ruleOf(question: AccessQuestion): string {
  const decision = accessDecision.parse(decide(accessQuestion.parse(question)))
  expect(decision.policy_version).toBe(policy.version)
  expect(decision.reason).not.toBe('')
  return `${decision.allowed ? 'allowed' : 'refused'} by ${decision.rule}`
}

describe('who may call a method of the API', () => {
  const pairs = METHODS.flatMap((method) => ROLES.map((role) => ({ role, method })))

  it.each(pairs)('$role and $method: as the specification says', ({ role, method }) => {
    const allowed = SPECIFIED[method].split(' ').includes(LETTERS[role])
    const answer = allowed ? /^allowed by api_(?:functions|data|parties|platform)$/ : /^refused by default_deny$/
    expect(ruleOf({ question: 'api', role, method })).toMatch(answer)
    expect(API_ROLES[method].includes(role as never)).toBe(allowed)
  })

  it('covers every method of the frontend', () => {
    expect(Object.keys(SPECIFIED).sort()).toEqual(Object.keys(frontend.methods).sort())
  })

  it('and the schema knows no other method', () => {
    const read = schemaToJson(readPolicyFiles().schema.text)
    const actions = read.type === 'success' ? Object.entries(read.json['']?.actions ?? {}) : []
    const methods = actions.filter(([, { appliesTo }]) => appliesTo?.principalTypes.includes('Role') === true)
    expect(methods.map(([name]) => name).sort()).toEqual([...METHODS].sort())
  })

  it('refuses every role a method that nobody knows', () => {
    for (const method of [
      '',
      'delete_everything',
      'decide',
      'constructor',
      '__proto__',
      'toString',
      'hasOwnProperty',
    ]) {
      for (const role of ROLES) expect(ruleOf({ question: 'api', role, method })).toBe('refused by engine_error')
    }
  })
})

describe('a user and data', () => {
  const ask = (user_id: string, owners: string[]) =>
    ruleOf({ question: 'user_access_data', user_id, data: { data_id: INPUT, owners } })

  it('belong together when the user is an owner', () => {
    expect(ask('ann', ['ann'])).toBe('allowed by user_access_data')
    expect(ask('ann', ['bob', 'ann'])).toBe('allowed by user_access_data')
  })

  it('do not when it is another, or when the data has no owner', () => {
    expect(ask('ann', ['bob'])).toBe('refused by default_deny')
    expect(ask('ann', ['anna'])).toBe('refused by default_deny')
    expect(ask('ann', [])).toBe('refused by default_deny')
  })
})

describe('a user and a function', () => {
  const ask = (
    facts: { public?: boolean; owner?: string; allowlist?: string[] },
    attribute: string | null = 'clinic',
  ) =>
    ruleOf({
      question: 'user_access_function',
      user_id: 'ann',
      attribute,
      function: { function_id: FUNCTION, owner: 'fred', public: false, allowlist: [], ...facts },
    })

  it('go together when it is public, its own, or allowlisted by id or organisation', () => {
    expect(ask({ public: true })).toBe('allowed by user_access_function')
    expect(ask({ owner: 'ann' })).toBe('allowed by user_access_function')
    expect(ask({ allowlist: ['bob', 'ann'] })).toBe('allowed by user_access_function')
    expect(ask({ allowlist: ['org:clinic'] })).toBe('allowed by user_access_function')
  })

  it('do not otherwise', () => {
    expect(ask({})).toBe('refused by default_deny')
    expect(ask({ allowlist: ['bob', 'org:bank', 'clinic', 'org:'] })).toBe('refused by default_deny')
    expect(ask({ allowlist: ['org:null', 'org:'] }, null)).toBe('refused by default_deny')
  })
})

describe('a user and a task', () => {
  const ask = (parties: string[]) =>
    ruleOf({ question: 'user_access_task', user_id: 'ann', task: { task_id: TASK, parties } })

  it('belong together when the user is a party', () => {
    expect(ask(['bob', 'ann'])).toBe('allowed by user_access_task')
    expect(ask(['bob'])).toBe('refused by default_deny')
    expect(ask([])).toBe('refused by default_deny')
  })
})

describe('a task that is to be staged', () => {
  interface Facts {
    parties?: string[]
    used?: { owner?: string; public?: boolean }
    owners?: string[][]
  }
  const question = ({ parties = ['ann', 'bob'], used = {}, owners = [['ann'], ['ann', 'bob']] }: Facts) => ({
    question: 'staged_task' as const,
    task: { task_id: TASK, parties },
    function: { function_id: FUNCTION, owner: 'fred', public: true, ...used },
    data: owners.map((set, i) => ({ data_id: i === 0 ? INPUT : OUTPUT, owners: set })),
  })
  const ask = (facts: Facts) => ruleOf(question(facts))

  it('may use a public function, and data whose owners are all parties', () => {
    expect(ask({})).toBe('allowed by staged_task')
    expect(ask({ owners: [] })).toBe('allowed by staged_task')
  })

  it('may use a private function whose owner is a party, and no other', () => {
    expect(ask({ used: { public: false, owner: 'bob' } })).toBe('allowed by staged_task')
    expect(ask({ used: { public: false } })).toBe('refused by task_access_function')
  })

  it('may not use data of which one owner is no party', () => {
    expect(ask({ owners: [['ann'], ['ann', 'eve']] })).toBe('refused by task_access_data')
    expect(ask({ owners: [['eve']] })).toBe('refused by task_access_data')
  })

  it('may not use data without owners, though the empty set is a subset of every set', () => {
    expect(ask({ owners: [['ann'], []] })).toBe('refused by task_access_data')
  })

  it('may use nothing when it has no parties', () => {
    expect(ask({ parties: [], owners: [] })).toBe('refused by default_deny')
    expect(ask({ parties: [], owners: [[]] })).toBe('refused by default_deny')
  })

  it('is told which thing is in the way', () => {
    expect(decide(question({ owners: [['ann'], ['eve']] })).reason).toContain(OUTPUT)
    expect(decide(question({ used: { public: false } })).reason).toContain(FUNCTION)
  })
})

describe('the actor', () => {
  it('answers as the rules do, and refuses what nobody knows', async () => {
    const { actor } = await start(localHost({ clock: new ManualClock(), actors: [memoryStorage().actor] }))
    const client = localClient(actor) as unknown as { decide: (question: object) => Promise<object> }
    const question = { question: 'api', role: 'DataOwner', method: 'create_task' } as const
    expect(await client.decide(question)).toEqual(decide(question))
    await expect(client.decide({ question: 'unheard_of' })).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(client.decide({ question: 'api', role: 'Root', method: 'get_task' })).rejects.toMatchObject({
      code: 'invalid_request',
    })
  })
})
