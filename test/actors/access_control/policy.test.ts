import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canBeChanged, Policy } from '../../../actors/access_control/policy.ts'
import { readPolicyFiles } from '../../../actors/access_control/policy_files.ts'
import { toCedar } from '../../../actors/access_control/cedar/cedar_question.ts'
import { ANSWERS_MAX, RememberedAnswers } from '../../../actors/access_control/remembered_answers.ts'
import type { AccessQuestion, PolicyDocuments, PolicyLanguage } from '../../../messages/index.ts'
import { accessQuestion, createId, EXECUTORS, frontend, ROLES } from '../../../messages/index.ts'
import { refusedBy } from './reference_rules.ts'

const files = readPolicyFiles()
const policy = new Policy(files)
const FUNCTION = createId('function', 'f')
const INPUT = createId('input', 'i')
const TASK = createId('task', 't')
const DIGESTS = ['a'.repeat(64), 'b'.repeat(64)]

// Few names, so that the sets meet each other.
const user = fc.constantFrom('ann', 'bob', 'cid', 'dan')
const users = fc.uniqueArray(user, { maxLength: 4 })
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const functionFacts = { function_id: fc.constant(FUNCTION), owner: user, public: fc.boolean() }
const used = fc.record(functionFacts)
const moment = fc.integer({ min: 0, max: 3 })
const platform = fc.constantFrom('simulated', 'snp')
const rule = fc.record(
  {
    name: fc.constantFrom('mine', 'staged_task'),
    functions: fc.uniqueArray(fc.constantFrom(...DIGESTS), { minLength: 1 }),
    parties: fc.uniqueArray(user, { minLength: 1 }),
    executors: fc.uniqueArray(fc.constantFrom(...EXECUTORS), { minLength: 1 }),
    platforms: fc.uniqueArray(platform, { minLength: 1 }),
    until: moment,
  },
  { requiredKeys: ['name'] },
)
const data = fc
  .record({ data_id: fc.constant(INPUT), owners: users, rule: optional(rule) })
  .map(({ rule: demanded, ...facts }) => (demanded === undefined ? facts : { ...facts, rule: demanded }))
const task = fc.record({ task_id: fc.constant(TASK), parties: users })
const use = fc.record(
  {
    function_digest: fc.constantFrom(...DIGESTS),
    executor: fc.constantFrom(...EXECUTORS),
    at: moment,
    run: fc.record({ platform }),
  },
  { requiredKeys: [] },
)
const asked = <Q extends string>(question: Q, facts: object) =>
  fc.record({ question: fc.constant(question), ...facts }) as unknown as fc.Arbitrary<AccessQuestion>
const questions: fc.Arbitrary<AccessQuestion>[] = [
  asked('api', { role: fc.constantFrom(...ROLES), method: fc.constantFrom(...Object.keys(frontend.methods)) }),
  asked('user_access_data', { user_id: user, data }),
  asked('user_access_function', {
    user_id: user,
    attribute: fc.constantFrom(null, 'clinic', 'bank'),
    function: fc.record({
      ...functionFacts,
      allowlist: fc.uniqueArray(fc.oneof(user, fc.constantFrom('org:clinic', 'org:bank', 'org:', 'clinic'))),
    }),
  }),
  asked('user_access_task', { user_id: user, task }),
  asked('task_access_function', { task, function: used, use }),
  asked('task_access_data', { task, data, use }),
  asked('staged_task', { task, function: used, data: fc.array(data, { maxLength: 3 }), use }),
]

describe('the policies of the code', () => {
  it('decide every question as the plain rules do', () => {
    fc.assert(
      fc.property(fc.oneof(...questions), (question) => {
        const refused = refusedBy(accessQuestion.parse(question))
        const { allowed, rule: named } = policy.decide(question)
        expect([allowed, allowed ? undefined : named]).toEqual([refused === undefined, refused])
      }),
      { numRuns: 400 },
    )
  })

  it('say of each answer which of them gave it', () => {
    fc.assert(
      fc.property(fc.oneof(...questions), (question) => {
        const { allowed, rule: named, reason, policy_version } = policy.decide(question)
        expect(policy_version).toBe(policy.version)
        expect(Object.hasOwn(policy.builtIn, named) || !allowed).toBe(true)
        expect(reason).not.toBe('')
      }),
      { numRuns: 100 },
    )
  })

  it('refuse what the schema does not know, and facts of another form, as an error of the engine', () => {
    const strange = [
      { question: 'api', role: 'PlatformAdmin', method: 'user_access_data' },
      { question: 'api', role: 'PlatformAdmin', method: '"] || true' },
      { question: 'task_access_data', task: { task_id: TASK, parties: ['ann'] }, data: { data_id: INPUT } },
      {
        question: 'user_access_data',
        user_id: 'ann',
        data: { data_id: INPUT, owners: ['ann'], rule: { name: 'r', until: 'tomorrow' } },
      },
    ] as unknown as AccessQuestion[]
    for (const question of strange.filter((one) => !('data' in one) || 'rule' in (one.data as object))) {
      expect(policy.decide(question)).toMatchObject({ allowed: false, rule: 'engine_error' })
    }
    expect(() => policy.decide(strange[2]!)).toThrow(TypeError)
  })

  it('stop the start when one does not validate, with file, line and what is wrong', () => {
    const broken = (name: string, edit: (text: string) => string) =>
      new Policy({
        ...files,
        policies: files.policies.map((one) => (one.name === name ? { name, text: edit(one.text) } : one)),
      })
    const at = (text: RegExp) =>
      expect.objectContaining({ code: 'policy_invalid', message: expect.stringMatching(text) })
    expect(() =>
      broken('parties.cedar', (text) => text.replace('resource.owners.contains', 'resource.ownrs.contains')),
    ).toThrow(at(/^parties\.cedar:6:8: .*`ownrs`/))
    expect(() => broken('parties.cedar', (text) => text.replace('permit (', 'permit ('.repeat(2)))).toThrow(
      at(/^parties\.cedar:5:/),
    )
    expect(() => broken('api.cedar', (text) => text.replace('@id("api_data")\n', ''))).toThrow(
      at(/^api\.cedar:\d+:1: .*no id/),
    )
    expect(() => broken('api.cedar', (text) => text.replace('"api_data"', '"user_access_data"'))).toThrow(
      at(/^parties\.cedar:3:1: the id user_access_data is taken/),
    )
    expect(() => broken('api.cedar', (text) => text.replace('"revoke_member"', '"revoke_everybody"'))).toThrow(
      at(/^api\.cedar:\d+:\d+: .*revoke_everybody/),
    )
    const schema = { ...files.schema, text: files.schema.text.replace('entity Service;', 'entity Service') }
    expect(() => new Policy({ ...files, schema })).toThrow(at(/^schema\.cedarschema:6:1: /))
  })

  it('are not templates', () => {
    expect(() => withDocument('permit (principal == ?principal, action, resource);')).toThrow(/^mine:1:1: a template/)
  })
})

function withDocument(text: string, language: PolicyLanguage = 'cedar', more: PolicyDocuments = {}): Policy {
  return new Policy(files, { mine: { language, text }, ...more })
}

describe('an added document', () => {
  const staged: AccessQuestion = {
    question: 'staged_task',
    task: { task_id: TASK, parties: ['ann', 'bob'] },
    function: { function_id: FUNCTION, owner: 'fred', public: true },
    data: [{ data_id: INPUT, owners: ['ann'] }],
    use: { function_digest: DIGESTS[0]!, executor: 'builtin' },
  }

  it('takes away, under its own name', () => {
    const text = `@id("no_builtins") forbid (principal, action == Action::"task_access_function", resource)
      when { context has executor && context.executor == "builtin" };`
    const stricter = withDocument(text)
    expect(policy.decide(staged).allowed).toBe(true)
    expect(stricter.decide(staged)).toMatchObject({ allowed: false, rule: 'mine.no_builtins' })
    expect(stricter.version).not.toBe(policy.version)
  })

  it('may open a method to a role, and cannot open data, functions or tasks', () => {
    const opened = withDocument(
      '@id("open") permit (principal == Role::"FunctionOwner", action in [Action::"create_task"], resource);',
    )
    const question = { question: 'api', role: 'FunctionOwner', method: 'create_task' } as const
    expect([policy, opened].map((one) => one.decide(question).allowed)).toEqual([false, true])
    for (const head of [
      'principal, action, resource',
      'principal, action == Action::"user_access_data", resource',
      'principal, action in [Action::"get_task", Action::"staged_task"], resource',
    ]) {
      expect(() => withDocument(`\n@id("all") permit (${head});`)).toThrow(
        /^mine:2:1: an added policy may permit methods/,
      )
    }
  })

  it('in the set language takes away too, under the name of its matcher', () => {
    const text = `[requests]\ntask_access_data = task, data
[terms]\ndata_owner = data, usr\ntask_participant = task, usr
[matchers]\ntask_access_data = task_participant(task_access_data.task, _) <= data_owner(task_access_data.data, _)`
    const stricter = withDocument(text, 'sets')
    expect(stricter.decide(staged)).toMatchObject({ allowed: false, rule: 'mine.task_access_data' })
    const alone = { ...staged, task: { task_id: TASK, parties: ['ann'] } }
    expect(stricter.decide(alone)).toMatchObject({ allowed: true, rule: 'staged_task' })
    expect(() => withDocument(text.replace('data_owner = data, usr', 'data_owner = usr, data'), 'sets')).toThrow(
      /^mine:4:1: /,
    )
    expect(() => withDocument(text.replaceAll('task_participant', 'moon'), 'sets')).toThrow(
      /^mine:5:1: .*no relation moon/,
    )
  })

  it('that forbids everybody to change the policy is seen as such', () => {
    const text = '@id("never") forbid (principal, action == Action::"put_policy", resource);'
    expect([policy, withDocument(text)].map(canBeChanged)).toEqual([true, false])
  })
})

describe('the owner of data', () => {
  const question = (demand: object, more: object = {}): AccessQuestion => ({
    question: 'task_access_data',
    task: { task_id: TASK, parties: ['ann', 'bob'] },
    data: { data_id: INPUT, owners: ['ann'], rule: { name: 'for_the_study', ...demand } },
    use: { function_digest: DIGESTS[0]!, executor: 'builtin', ...more },
  })
  const ask = (demand: object, more: object = {}) => policy.decide(question(demand, more))

  it('is asked about function, parties, executor, platform and time, and refuses by the name of the rule', () => {
    const met = { allowed: true, rule: 'task_access_data' }
    const refused = { allowed: false, rule: 'owner_rule:for_the_study' }
    expect(ask({ functions: [DIGESTS[0]] })).toMatchObject(met)
    expect(ask({ functions: [DIGESTS[1]] })).toMatchObject(refused)
    expect(ask({ parties: ['ann', 'bob', 'cid'] })).toMatchObject(met)
    expect(ask({ parties: ['ann'] })).toMatchObject(refused)
    expect(ask({ executors: ['builtin', 'wasm'] })).toMatchObject(met)
    expect(ask({ executors: ['python'] })).toMatchObject(refused)
    expect(ask({ platforms: ['snp'] })).toMatchObject(met)
    expect(ask({ platforms: ['snp'] }, { run: { platform: 'snp' } })).toMatchObject(met)
    expect(ask({ platforms: ['snp'] }, { run: { platform: 'simulated' } })).toMatchObject(refused)
    expect(ask({ until: 5 }, { at: 4 })).toMatchObject(met)
    expect(ask({ until: 5 }, { at: 5 })).toMatchObject(refused)
    expect(ask({ until: 5 })).toMatchObject(refused)
    expect(ask({ parties: ['ann'] }).reason).toContain('owner_rule_parties')
  })
})

describe('decisions', () => {
  const partOf = (task_id: string) => ({
    question: 'user_access_task' as const,
    user_id: 'ann',
    task: { task_id, parties: ['ann'] },
  })

  it('name the thing they are about, though tasks alike are answered once', () => {
    const [one, two] = [createId('task'), createId('task')]
    expect(policy.decide(partOf(one))).toMatchObject({ allowed: true, reason: expect.stringContaining(one) as string })
    expect(policy.decide(partOf(two))).toMatchObject({ allowed: true, reason: expect.stringContaining(two) as string })
  })

  it('are of one task alone where a policy names one', () => {
    const [one, two] = [createId('task'), createId('task')]
    const closed = withDocument(
      `@id("closed") forbid (principal, action == Action::"user_access_task", resource == Task // here\n :: "${one}");`,
    )
    expect([two, one, two].map((id) => closed.decide(partOf(id)).allowed)).toEqual([true, false, true])
    const named = withDocument(
      `@id("named") forbid (principal, action == Action::"user_access_task", resource)\n` +
        `when { resource == Task::"${two}" };`,
    )
    expect([one, two, one].map((id) => named.decide(partOf(id)).allowed)).toEqual([true, false, true])
  })

  it('are remembered by their facts, and the oldest is forgotten when there are too many', () => {
    let asked = 0
    const answers = new RememberedAnswers([], () => ({ allowed: (asked += 1) > 0 }))
    const about = (task: string, party: string) =>
      answers.answer(
        toCedar({ question: 'user_access_task', user_id: party, task: { task_id: task, parties: [party] } }),
      )
    about('task-1', 'ann')
    about('task-2', 'ann')
    expect([asked, answers.size]).toEqual([1, 1])
    for (let index = 0; index < ANSWERS_MAX; index += 1) about('task-1', `user${index}`)
    expect([asked, answers.size]).toEqual([1 + ANSWERS_MAX, ANSWERS_MAX])
    about('task-1', 'ann')
    expect(asked).toBe(2 + ANSWERS_MAX)
  })

  it('that the engine could not come to are not remembered', () => {
    let asked = 0
    const answers = new RememberedAnswers([], () => ({ allowed: false, error: `failure ${(asked += 1)}` }))
    const request = toCedar(partOf(createId('task')))
    expect([answers.answer(request).error, answers.answer(request).error]).toEqual(['failure 1', 'failure 2'])
  })

  it('of one version are not those of another', () => {
    const question = { question: 'api', role: 'DataOwner', method: 'create_task' } as const
    const closed = withDocument('@id("closed") forbid (principal, action == Action::"create_task", resource);')
    expect([policy, closed, policy].map((one) => one.decide(question).allowed)).toEqual([true, false, true])
  })
})
