/**
 * What parties do together, as steps that a scenario takes one by one; in between it does to the platform what it
 * likes. Each step waits patiently, and checks the answers that it gets.
 */
import { expect } from 'vitest'
import { builtinSpecs } from '../../actors/builtins/index.ts'
import type { Api, TaskView } from '../../client/index.ts'
import { downloadOutput, planOutput, uploadInput, verifyReceipt, waitForTask } from '../../client/index.ts'
import type { AskOptions } from '../../runtime/index.ts'
import type { Party } from './deployment.ts'

/** Much longer than a service that was killed takes to come back. */
export const PATIENCE: AskOptions = { timeoutMs: 45_000 }

/** Two data owners of two organisations, an owner of functions, and a user who takes no part. */
export type Cast = Record<'alice' | 'bob' | 'fay' | 'carol', Party>

export interface Story {
  name: string
  steps: (() => Promise<unknown>)[]
  /** Every task that was created so far, and who may watch it. */
  tasks: { taskId: string; parties: Party[] }[]
  /** How many runs each function of this story must have had. */
  runs: Record<string, number>
  /** All data that was registered, each with its owners. */
  data: { dataId: string; owners: string[] }[]
}

interface Brought {
  input: string
  output: string
  plan: ReturnType<typeof planOutput>
}

type Made = (taskId: string, parties: Party[]) => void

/** Everything that a story does with the API, so that its steps read as sentences. */
class Stage {
  readonly story: Story
  readonly #manifest: string
  readonly #made: Made

  constructor(name: string, manifest: string, made: Made) {
    this.story = { name, steps: [], tasks: [], runs: {}, data: [] }
    this.#manifest = manifest
    this.#made = made
  }

  step(...steps: (() => Promise<unknown>)[]): void {
    this.story.steps.push(...steps)
  }

  async offer({ api }: Party, who: { public: boolean; allowlist?: string[] }): Promise<string> {
    const spec = builtinSpecs['builtin-ordered-set-intersect']!
    const { function_id } = await api.register_function({ ...spec, ...who }, PATIENCE)
    this.story.runs[function_id] = 0
    return function_id
  }

  async bring({ id, api, connection }: Party, ...lines: string[]): Promise<Brought> {
    const list = lines.map((line) => `${line}\n`).join('')
    const uploaded = await uploadInput(connection.files, Buffer.from(list))
    const plan = planOutput()
    const input = (await api.register_input_file(uploaded, PATIENCE)).data_id
    const output = (await api.register_output_file(plan, PATIENCE)).data_id
    for (const dataId of [input, output]) this.own(dataId, [id])
    return { input, output, plan }
  }

  own(dataId: string, owners: string[]): string {
    this.story.data.push({ dataId, owners })
    return dataId
  }

  async create(creator: Party, request: Parameters<Api['create_task']>[0], ...others: Party[]): Promise<string> {
    const { task_id } = await creator.api.create_task(request, PATIENCE)
    const parties = [creator, ...others]
    const { parties: named } = await creator.api.get_task({ task_id }, PATIENCE)
    expect(named).toEqual(parties.map(({ id }) => id).sort())
    this.story.tasks.push({ taskId: task_id, parties })
    this.#made(task_id, parties)
    return task_id
  }

  async approve({ api }: Party, task_id: string): Promise<TaskView> {
    const { terms_digest } = await api.get_task({ task_id }, PATIENCE)
    return api.approve_task({ task_id, terms_digest }, PATIENCE)
  }

  /** Not before every party has approved. */
  async expectTooEarly({ api }: Party, task_id: string): Promise<void> {
    await expect(api.invoke_task({ task_id }, PATIENCE)).rejects.toMatchObject({ code: 'not_ready' })
  }

  async invoke({ api }: Party, task_id: string, functionId: string): Promise<void> {
    await api.invoke_task({ task_id }, PATIENCE)
    this.story.runs[functionId] = (this.story.runs[functionId] ?? 0) + 1
  }

  async expectFinished(parties: readonly Party[], task_id: string, returned: string): Promise<void> {
    for (const { api } of parties) {
      const task = await waitForTask(api, task_id)
      expect(task).toMatchObject({ state: 'Finished', approved_by: task.parties })
      expect(Buffer.from(task.result!.return_value).toString()).toBe(returned)
      const { claims } = await verifyReceipt(task.result!.receipt, this.#manifest)
      expect(claims).toMatchObject({ task_id, terms_digest: task.terms_digest, attempt: task.attempt })
    }
  }

  async expectOutput({ api, connection }: Party, task_id: string, name: string, of: Brought, text: string) {
    const { result } = await api.get_task({ task_id }, PATIENCE)
    const opened = await downloadOutput(connection.files, of.plan, result!.output_tags[name]!)
    expect(Buffer.from(opened).toString()).toBe(text)
  }
}

const ofBoth = (one: Party, other: Party) => ({
  inputs: { input_data1: [one.id], input_data2: [other.id] },
  outputs: { output_result1: [one.id], output_result2: [other.id] },
})

/** Two data owners find out what they have in common, by a function that is open to everybody. */
export function twoParties({ alice, bob, fay }: Cast, manifest: string, made: Made): Story {
  const stage = new Stage('two parties', manifest, made)
  let [fn, task, stale] = ['', '', '']
  let [hers, his]: Brought[] = []
  stage.step(
    async () => (fn = await stage.offer(fay, { public: true })),
    async () => (hers = await stage.bring(alice, 'aa', 'bb', 'cc')),
    async () => (his = await stage.bring(bob, 'bb', 'cc', 'dd')),
    async () => (task = await stage.create(alice, { function_id: fn, ...ofBoth(alice, bob) }, bob)),
    async () => (stale = (await bob.api.get_task({ task_id: task }, PATIENCE)).terms_digest),
    () => assign(alice, task, { input_data1: hers!.input }, { output_result1: hers!.output }),
    () => assign(bob, task, { input_data2: his!.input }, { output_result2: his!.output }),
    async () => {
      const late = bob.api.approve_task({ task_id: task, terms_digest: stale }, PATIENCE)
      await expect(late).rejects.toMatchObject({ code: 'stale_terms' })
    },
    () => stage.approve(bob, task),
    () => stage.approve(alice, task),
    () => stage.invoke(alice, task, fn),
    () => stage.expectFinished([alice, bob], task, '2 common items'),
    () => stage.expectOutput(alice, task, 'output_result1', hers!, '0\n1\n1\n'),
    () => stage.expectOutput(bob, task, 'output_result2', his!, '1\n1\n0\n'),
  )
  return stage.story
}

/** The same by a private function: its owner is a third party, who sees the task and approves it, but has no data. */
export function threeParties({ alice, bob, fay, carol }: Cast, manifest: string, made: Made): Story {
  const stage = new Stage('three parties', manifest, made)
  let [fn, task] = ['', '']
  let [hers, his]: Brought[] = []
  stage.step(
    async () => (fn = await stage.offer(fay, { public: false, allowlist: ['org:bank', 'org:insurer'] })),
    async () => (hers = await stage.bring(alice, 'aa', 'bb', 'cc')),
    async () => (his = await stage.bring(bob, 'bb', 'dd')),
    async () => {
      // Users on the allowlist may not read it, and users who are not on it may not see the function.
      expect(await alice.api.get_function({ function_id: fn }, PATIENCE)).toMatchObject({
        public: false,
        allowlist: [],
      })
      const absent = { code: 'not_found' }
      await expect(carol.api.get_function({ function_id: fn }, PATIENCE)).rejects.toMatchObject(absent)
      await expect(carol.api.create_task({ function_id: fn }, PATIENCE)).rejects.toMatchObject(absent)
    },
    async () => (task = await stage.create(alice, { function_id: fn, ...ofBoth(alice, bob) }, bob, fay)),
    () => assign(alice, task, { input_data1: hers!.input }, { output_result1: hers!.output }),
    () => assign(bob, task, { input_data2: his!.input }, { output_result2: his!.output }),
    () => stage.approve(bob, task),
    () => stage.approve(alice, task),
    () => stage.expectTooEarly(alice, task),
    async () => expect(await stage.approve(fay, task)).toMatchObject({ state: 'Approved' }),
    () => stage.invoke(alice, task, fn),
    () => stage.expectFinished([alice, bob, fay], task, '1 common items'),
    async () => {
      await stage.expectOutput(alice, task, 'output_result1', hers!, '0\n1\n0\n')
      await stage.expectOutput(bob, task, 'output_result2', his!, '1\n0\n')
    },
  )
  return stage.story
}

/** One data owner uses a private function whose owner allows it: both have to approve. */
export function privateFunction({ alice, bob, fay }: Cast, manifest: string, made: Made): Story {
  const stage = new Stage('a private function', manifest, made)
  let [fn, task] = ['', '']
  let [old, fresh]: Brought[] = []
  stage.step(
    async () => (fn = await stage.offer(fay, { public: false, allowlist: ['alice'] })),
    async () => (old = await stage.bring(alice, 'aa', 'bb')),
    async () => (fresh = await stage.bring(alice, 'bb')),
    async () => {
      const asked = bob.api.create_task({ function_id: fn }, PATIENCE)
      await expect(asked).rejects.toMatchObject({ code: 'not_found' })
    },
    async () => (task = await stage.create(alice, { function_id: fn, ...ofBoth(alice, alice) }, fay)),
    () => assign(alice, task, { input_data1: old!.input, input_data2: fresh!.input }, {}),
    () => assign(alice, task, {}, { output_result1: old!.output, output_result2: fresh!.output }),
    () => stage.approve(alice, task),
    () => stage.expectTooEarly(alice, task),
    () => stage.approve(fay, task),
    () => stage.invoke(alice, task, fn),
    () => stage.expectFinished([alice, fay], task, '1 common items'),
    () => stage.expectOutput(alice, task, 'output_result1', old!, '0\n1\n'),
    () => stage.expectOutput(alice, task, 'output_result2', fresh!, '1\n'),
  )
  return stage.story
}

/** What two owners made together stays theirs: one of them can use it again only if the other agrees again. */
export function fusion({ alice, bob, fay }: Cast, manifest: string, made: Made): Story {
  const stage = new Stage('a fusion output', manifest, made)
  let [fn, first, second, fused, passedOn] = ['', '', '', '', '']
  let [hers, his, flags]: Brought[] = []
  const both = [alice.id, bob.id]
  stage.step(
    async () => {
      fn = await stage.offer(fay, { public: true })
      hers = await stage.bring(alice, 'aa', 'bb')
    },
    async () => (his = await stage.bring(bob, 'bb')),
    async () => (fused = stage.own((await bob.api.register_fusion_output({ owners: both }, PATIENCE)).data_id, both)),
    async () => {
      const { inputs } = ofBoth(alice, bob)
      const outputs = { output_result1: both, output_result2: [bob.id] }
      first = await stage.create(alice, { function_id: fn, inputs, outputs }, bob)
    },
    () => assign(alice, first, { input_data1: hers!.input }, { output_result1: fused }),
    () => assign(bob, first, { input_data2: his!.input }, { output_result2: his!.output }),
    () => Promise.all([stage.approve(alice, first), stage.approve(bob, first)]),
    async () => {
      await stage.invoke(alice, first, fn)
      await stage.expectFinished([alice, bob], first, '1 common items')
    },
    async () =>
      (passedOn = stage.own((await alice.api.register_input_from_output({ data_id: fused }, PATIENCE)).data_id, both)),
    async () => {
      expect(await bob.api.get_input_file({ data_id: passedOn }, PATIENCE)).toMatchObject({ owners: both })
      // Of the flags of the first run, "0" and "1", alice asks for the second.
      flags = await stage.bring(alice, '1')
    },
    async () => {
      const inputs = { input_data1: both, input_data2: [alice.id] }
      const outputs = { output_result1: [alice.id], output_result2: [alice.id] }
      second = await stage.create(alice, { function_id: fn, inputs, outputs }, bob)
      const [one, other] = [flags!.output, (await stage.bring(alice)).output]
      const assigned = { input_data1: passedOn, input_data2: flags!.input }
      await assign(alice, second, assigned, { output_result1: one, output_result2: other })
    },
    async () => {
      await stage.approve(alice, second)
      // Bob has nothing in the second task but his share of the first one's output.
      await stage.expectTooEarly(alice, second)
      await stage.approve(bob, second)
    },
    () => stage.invoke(alice, second, fn),
    async () => {
      await stage.expectFinished([alice, bob], second, '1 common items')
      await stage.expectOutput(alice, second, 'output_result1', flags!, '0\n1\n')
    },
  )
  return stage.story
}

function assign({ api }: Party, task_id: string, inputs: Record<string, string>, outputs: Record<string, string>) {
  return api.assign_data({ task_id, inputs, outputs }, PATIENCE)
}
