/**
 * What there is to see once a round of commands is over and the workers have nothing to do: each task, function and
 * piece of data that the round was about, as management has it, and the users as the admin sees them.
 */
import { verifyReceipt } from '../../client/index.ts'
import type { CallerIdentity } from '../../messages/index.ts'
import { Refusal } from '../../messages/index.ts'
import { systemClock } from '../../runtime/index.ts'
import type { Sight, Tags } from './explain.ts'
import type { Observed } from './model/answer.ts'
import { contradiction } from './model/answer.ts'
import type { Model } from './model/model.ts'
import { IDLE_CLASS } from './model/runs.ts'
import { fork } from './model/world.ts'
import type { Stage } from './stage.ts'
import { plain } from './wire.ts'

/** A staged task ends within this, or it is lost. */
const SETTLED_MS = 20_000
const AGAIN_MS = 5

interface View {
  state: string
  terms_digest: string
  terms: { function_id: string; options: { needs: { class: string } }; outputs: { data_id?: string }[] }
  result?: { output_tags: Record<string, string>; receipt: string }
}

/** @param owners who may look at each thing, by id */
export async function look(
  stage: Stage,
  model: Model,
  ids: ReadonlySet<string>,
  owners: ReadonlyMap<string, string>,
  prefix: string,
): Promise<{ sights: Sight[]; tags: Tags }> {
  const kinds = [...ids].filter((id) => owners.has(id))
  const tasks = await Promise.all(kinds.filter((id) => id.startsWith('task')).map(lookAtTask))
  const tags = new Map(
    tasks.flatMap(({ id, view }) => (view?.result === undefined ? [] : [[id, view.result.output_tags]])),
  )
  // A run writes outputs and counts for its function.
  const more = tasks.flatMap(({ view }) => [
    ...(view === undefined ? [] : [view.terms.function_id]),
    ...(view?.terms.outputs ?? []).flatMap(({ data_id }) => data_id ?? []),
  ])
  const others = [...new Set([...kinds, ...more])].filter((id) => owners.has(id) && !id.startsWith('task'))
  const looks = others.flatMap((id) => {
    if (id.startsWith('function')) {
      return ['get_function', 'get_function_usage'].map((method) => sightOf(id, method, { function_id: id }))
    }
    return [sightOf(id, id.startsWith('input') ? 'get_input_file' : 'get_output_file', { data_id: id })]
  })
  const sights = await Promise.all([...looks, lookAtUsers()])
  return { sights: [...tasks.map(({ sight }) => sight), ...sights], tags }

  async function ask(id: string, method: string, request: object): Promise<Observed> {
    const caller: CallerIdentity = { user_id: owners.get(id)!, role: 'DataOwner', attribute: null }
    const eye = stage.eye as unknown as Record<string, (request: object) => Promise<unknown>>
    try {
      return { code: 'ok', reply: plain(await eye[method]!({ caller, request })), sentAtMs: 0 }
    } catch (error) {
      if (error instanceof Refusal) return { code: error.code, sentAtMs: 0 }
      throw error
    }
  }

  function toSight(id: string, method: string, request: object, observed: Observed): Sight {
    const who = { id: owners.get(id)!, role: 'DataOwner' as const, attribute: null }
    return {
      compare(world) {
        const problem = contradiction(model.manage(fork(world), who, method, request, observed), observed)
        return problem === undefined ? undefined : `afterwards ${method} of ${id}: ${problem}`
      },
    }
  }

  async function sightOf(id: string, method: string, request: object): Promise<Sight> {
    return toSight(id, method, request, await ask(id, method, request))
  }

  async function lookAtTask(id: string): Promise<{ id: string; view?: View; sight: Sight }> {
    const giveUpMs = systemClock.now() + SETTLED_MS
    for (;;) {
      const observed = await ask(id, 'get_task', { task_id: id })
      const view = observed.reply as View | undefined
      const isUnderWay =
        view?.state === 'Running' || (view?.state === 'Staged' && view.terms.options.needs.class !== IDLE_CLASS)
      if (!isUnderWay) {
        if (view?.result !== undefined) await checkReceipt(id, view)
        const sight = toSight(id, 'get_task', { task_id: id }, observed)
        return view === undefined ? { id, sight } : { id, view, sight }
      }
      if (systemClock.now() > giveUpMs) throw new Error(`${id} is still ${view.state} after ${SETTLED_MS} ms`)
      await systemClock.sleep(AGAIN_MS)
    }
  }

  async function checkReceipt(task_id: string, { result, terms_digest }: View): Promise<void> {
    const { claims } = await verifyReceipt(result!.receipt, stage.manifest)
    if (claims.task_id === task_id && claims.terms_digest === terms_digest) return
    throw new Error(`the receipt of ${task_id} is for another task or other terms`)
  }

  async function lookAtUsers(): Promise<Sight> {
    const { connection, session } = stage.admin
    const found: { id: string }[] = []
    for (let after = prefix; ;) {
      const page = await connection.authentication.list_users({ session: session.token, after, limit: 100 })
      found.push(...page.users.filter(({ id }) => id.startsWith(prefix)))
      if (page.next === undefined || !page.next.startsWith(prefix)) break
      after = page.next
    }
    const observed: Observed = { code: 'ok', reply: { users: plain(found) }, sentAtMs: 0 }
    const admin = { id: 'admin', role: 'PlatformAdmin' as const, attribute: null }
    return {
      compare(world) {
        const problem = contradiction(model.manage(fork(world), admin, 'list_users', {}, observed), observed)
        return problem === undefined ? undefined : `afterwards list_users: ${problem}`
      },
    }
  }
}
