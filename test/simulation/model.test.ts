/**
 * Random commands from many users at once, against every service and against a plain model. A failure names its seed
 * and the shortest history that was found to fail; the seed is played alone when the environment says TACIT_TEST_SEED.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Api, TacitConnection } from '../../client/index.ts'
import { authentication, callersOf, frontend } from '../../messages/index.ts'
import type { Intent } from './commands/intent.ts'
import { sampleHistory } from './commands/intent.ts'
import type { Outcome } from './play.ts'
import { play } from './play.ts'
import { shorten } from './shorten.ts'
import type { Stage } from './stage.ts'
import { openStage } from './stage.ts'

const given = process.env['TACIT_TEST_SEED']
const SEEDS = given === undefined ? [1, 2, 3, 4, 5, 6] : [Number(given)]
const ROUNDS = 18
const PER_ROUND = 20
const SHORTEN_MS = 30_000
const SHORTEN_LIE_MS = 10_000
const PATIENCE_MS = 120_000

let stage: Stage
const outcomes: Outcome[] = []
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage[Symbol.asyncDispose]())

let histories = 0
/** No two histories have a name in common, so all can be played on one platform. */
const playAnew = (on: Stage, history: readonly (readonly Intent[])[]) => play(on, `h${++histories}.`, history)

async function playSeed(on: Stage, seed: number, shortenMs = SHORTEN_MS): Promise<Outcome> {
  const history = sampleHistory(seed, ROUNDS, PER_ROUND)
  const outcome = await playAnew(on, history)
  if (outcome.failure === undefined) return outcome
  const { round, problem } = outcome.failure
  const fails = async (candidate: readonly (readonly Intent[])[]) =>
    (await playAnew(on, candidate)).failure !== undefined
  const shortest = await shorten(history.slice(0, round + 1), fails, shortenMs)
  const again = await playAnew(on, shortest)
  const [trace, why] = again.failure === undefined ? [outcome.trace, problem] : [again.trace, again.failure.problem]
  throw new Error(`seed ${seed}: ${why}\n${trace.length} commands led to it:\n${trace.join('\n')}`)
}

test.each(SEEDS)(
  'the services answer as the model does, with seed %i',
  async (seed) => {
    outcomes.push(await playSeed(stage, seed))
  },
  PATIENCE_MS,
)

test('every method was called, most calls succeeded, and tasks came to every end', () => {
  if (given !== undefined) return
  const codes = outcomes.flatMap((outcome) => [...outcome.codes])
  const count = (isWanted: (key: string) => boolean) =>
    codes.filter(([key]) => isWanted(key)).reduce((sum, [, times]) => sum + times, 0)
  const commands = count(() => true)
  expect(commands).toBeGreaterThanOrEqual(2_000)
  expect(count((key) => key.endsWith(' ok')) / commands).toBeGreaterThan(0.4)
  const called = new Set(codes.map(([key]) => key.split(' ')[0]))
  const open = [frontend, authentication].flatMap((protocol) =>
    Object.keys(protocol.methods).filter((method) => callersOf(protocol, method).includes('client')),
  )
  expect(open.filter((method) => !called.has(method))).toEqual([])
  const states = new Set(outcomes.flatMap((outcome) => [...outcome.states.keys()]))
  expect(['Finished', 'Failed', 'Canceled'].filter((state) => !states.has(state))).toEqual([])
})

test(
  'a platform that lies is found out, by a history of a few commands',
  async () => {
    // Whoever invokes a task too early, or a second time, is told that all is well.
    const lie = (api: Api): Api => ({
      ...api,
      invoke_task: (request, options) => api.invoke_task(request, options).catch(() => api.get_task(request, options)),
    })
    const lying: Stage = {
      ...stage,
      async connectionOf(name) {
        const connection = await stage.connectionOf(name)
        const as: TacitConnection['as'] = (session) => lie(connection.as(session))
        return Object.assign(Object.create(connection) as TacitConnection, {
          as,
          authentication: connection.authentication,
        })
      },
    }
    const error = await playSeed(lying, 3, SHORTEN_LIE_MS).then(
      () => undefined,
      (problem: unknown) => problem as Error,
    )
    const [first = '', second = '', ...commands] = error?.message.split('\n') ?? []
    expect(first).toMatch(/^seed 3: .*expected .*, was /)
    expect(commands.join('\n')).toContain('invoke_task')
    expect(second).toMatch(/^\d+ commands led to it:$/)
    // The crew logs in first.
    expect(commands.filter((line) => !line.includes('user_login')).length).toBeLessThan(60)
  },
  PATIENCE_MS,
)
