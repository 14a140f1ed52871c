/**
 * Plays a history against the platform and against the model: the lanes of a round at once, then a look at all that the
 * round was about, then the lists. Ends at the first answer or sight that the model cannot explain.
 */
import { createId } from '../../messages/index.ts'
import { systemClock } from '../../runtime/index.ts'
import { DATA_WISHES } from './commands/data.ts'
import { FUNCTION_WISHES } from './commands/functions.ts'
import type { Intent, Kind } from './commands/intent.ts'
import { ODD } from './commands/intent.ts'
import type { Resolve, Scene, Wish } from './commands/scene.ts'
import { CREW } from './commands/scene.ts'
import { TASK_WISHES } from './commands/tasks.ts'
import { USER_WISHES } from './commands/users.ts'
import type { Played } from './explain.ts'
import { explain, idsIn } from './explain.ts'
import type { Call, Observed } from './model/answer.ts'
import { contradiction } from './model/answer.ts'
import { createModel } from './model/model.ts'
import type { World } from './model/world.ts'
import { emptyWorld, fork } from './model/world.ts'
import { look } from './sights.ts'
import type { Stage } from './stage.ts'
import { isList, send } from './wire.ts'

const WISHES: Readonly<Record<Kind, Resolve>> = { ...USER_WISHES, ...FUNCTION_WISHES, ...DATA_WISHES, ...TASK_WISHES }

/** Fewer than lock an id. */
const GUESSES_MAX = 3
const CHANGING = /^(?:user_register|user_update|user_change_password|reset_user_password)$/

export interface Outcome {
  commands: number
  /** How often each method was answered with each code. */
  codes: Map<string, number>
  /** What the model could not explain, and in which round. */
  failure?: { round: number; problem: string }
  /** How many tasks came to be in each state. */
  states: Map<string, number>
  /** What was sent and how it was answered. */
  trace: string[]
}

export async function play(stage: Stage, prefix: string, history: readonly (readonly Intent[])[]): Promise<Outcome> {
  const model = createModel(stage)
  const outcome: Outcome = { commands: 0, codes: new Map(), states: new Map(), trace: [] }
  const owners = new Map<string, string>()
  const guesses = new Map<string, number>()
  const changing = new Set<string>()
  let guess = emptyWorld()
  let clock = 0
  await enter()
  for (const [round, intents] of history.entries()) {
    try {
      const problem = await playRound(intents)
      if (problem !== undefined) return { ...outcome, failure: { round, problem } }
    } catch (error) {
      return { ...outcome, failure: { round, problem: error instanceof Error ? (error.stack ?? '') : String(error) } }
    }
  }
  for (const { state } of guess.tasks.values()) outcome.states.set(state, (outcome.states.get(state) ?? 0) + 1)
  return outcome

  /** The crew is registered and logs in; no part of the history, for it must be there in each. */
  async function enter(): Promise<void> {
    const { connection, session } = stage.admin
    const users = CREW.map(([name, role, place]) => {
      const attribute = place === undefined ? {} : { attribute: `${prefix}${place}` }
      return { id: `${prefix}${name}`, role, password: `password of ${name}`, ...attribute }
    })
    for (const user of users) guess.users.set(user.id, { attribute: null, ...user })
    await Promise.all(
      users.map(async (user) => {
        await connection.authentication.user_register({ session: session.token, ...user })
        await carryOut({ method: 'user_login', request: { id: user.id, password: user.password } }, [])
      }),
    )
  }

  async function playRound(intents: readonly Intent[]): Promise<string | undefined> {
    const base = fork(guess)
    const played: Played[] = []
    const later: Wish[] = []
    const lanes = [...new Set(intents.map(({ lane }) => lane))]
    await Promise.all(
      lanes.map(async (lane) => {
        for (const intent of intents.filter((one) => one.lane === lane)) {
          const wish = resolve(intent)
          if (isList(wish.method) && wish.stolen !== true) later.push(wish)
          else await carryOut(wish, played)
        }
      }),
    )
    const ids = new Set(played.flatMap(({ call, observed }) => [...idsIn(call.request), ...idsIn(observed.reply)]))
    const { sights, tags } = await look(stage, model, ids, owners, prefix)
    const explanation = explain(model, base, played, sights, tags)
    if ('problem' in explanation) return explanation.problem
    guess = withTimes(explanation.world)
    const lists: Played[] = []
    await Promise.all(later.map((wish) => carryOut(wish, lists)))
    return lists
      .map(({ call, observed }) => {
        const problem = contradiction(model.answer(fork(guess), call, observed), observed)
        return problem === undefined ? undefined : `${call.method} ${JSON.stringify(call.request)}: ${problem}`
      })
      .find((problem) => problem !== undefined)
  }

  function resolve(intent: Intent): Wish {
    const scene: Scene = {
      guess,
      prefix,
      intent,
      odd: intent.odd < ODD,
      files: stage.files,
      freshUrl: () => `nats-object://files/${createId('output')}`,
      mayChangePassword: (id) => !changing.has(id),
      mayGuess(id) {
        guesses.set(id, (guesses.get(id) ?? 0) + 1)
        return guesses.get(id)! <= GUESSES_MAX
      },
    }
    // What cannot be done yet needs a task that has run.
    const wish = WISHES[intent.kind](scene) ?? WISHES.invoke_task(scene) ?? nothing(prefix)
    if (wish.by === undefined || sessionOf(wish.by) !== undefined) return wish
    const user = guess.users.get(wish.by)
    // Who has no session opens one; who is no user any more tries the old one.
    return user === undefined ? wish : { method: 'user_login', request: { id: user.id, password: user.password } }
  }

  /** The last session of a user, if it is not over. */
  function sessionOf(id: string): string | undefined {
    return [...guess.sessions].filter(([, session]) => session.user === id && !session.over).at(-1)?.[0]
  }

  async function carryOut({ by, method, request, stolen = false }: Wish, played: Played[]): Promise<void> {
    const session =
      by === undefined
        ? undefined
        : (sessionOf(by) ?? [...guess.sessions].filter(([, one]) => one.user === by).at(-1)?.[0])
    const call: Call = { method, request, ...(session === undefined ? {} : { session }), ...(stolen ? { stolen } : {}) }
    const target = typeof request['id'] === 'string' ? request['id'] : (by ?? prefix)
    const connection = await stage.connectionOf(stolen ? 'thief' : (by ?? target).slice(prefix.length))
    const changed = CHANGING.test(method) ? target : undefined
    if (changed !== undefined) changing.add(changed)
    const sentAtMs = systemClock.now()
    const sent = ++clock
    const answer = await send(connection, call, stage.files, (id) => id.startsWith(prefix) || owners.has(id))
    const observed: Observed = { ...answer, sentAtMs }
    played.push({ call, observed, sent, done: ++clock })
    if (changed !== undefined) changing.delete(changed)
    note(call, observed, by ?? 'somebody')
    learn(call, observed, by)
  }

  function learn(call: Call, observed: Observed, by: string | undefined): void {
    const made = idsIn(observed.reply)[0]
    if (by !== undefined && made !== undefined && /^(?:register|update|create)_/.test(call.method)) {
      if (!owners.has(made)) owners.set(made, by)
    }
    const next = fork(guess)
    // In a race it may not fit; what happened is found when all have been answered.
    if (contradiction(model.answer(next, call, observed), observed) === undefined) guess = next
  }

  function note({ method, request }: Call, { code, reply }: Observed, by: string): void {
    outcome.commands += 1
    const key = `${method} ${code}`
    outcome.codes.set(key, (outcome.codes.get(key) ?? 0) + 1)
    const ids = /^(?:register|update|create)_/.test(method) ? ` ${idsIn(reply).join(' ')}` : ''
    const line = `${by} ${method} ${JSON.stringify(request)}: ${code}${ids}`
    outcome.trace.push(line.replaceAll(prefix, '').replaceAll(/(-[0-9a-f]{4})[0-9a-f]{4}-[0-9a-f-]{27}/g, '$1'))
  }
}

function nothing(prefix: string): Wish {
  return { by: `${prefix}root`, method: 'get_policy', request: {} }
}

/** All answers are there: what is over is over by now. */
function withTimes(world: World): World {
  const nowMs = systemClock.now()
  for (const [token, session] of world.sessions) {
    if (session.over && session.overSinceMs === Number.POSITIVE_INFINITY) {
      world.sessions.set(token, { ...session, overSinceMs: nowMs })
    }
  }
  return world
}
