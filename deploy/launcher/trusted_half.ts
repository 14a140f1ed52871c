/**
 * Supervises one trusted half: starts it again when it ends, gives it up when it ends too often, and drains it when it
 * has to stop. The statechart decides this; here are the half's process, its timers, and what the operator is told.
 */
import { join } from 'node:path'
import { createActor } from 'xstate'
import type { EvidenceDevice } from '../../attestation/index.ts'
import type { RefusalNote } from '../../messages/index.ts'
import { defined, parseRefusal, Refusal } from '../../messages/index.ts'
import type { Clock, MemberConfig, MemberMessage } from '../../runtime/index.ts'
import { backoffMs } from '../../runtime/index.ts'
import type { Say } from '../nats_server/install.ts'
import type { MemberProcess } from './member_process.ts'
import { startMemberProcess } from './member_process.ts'
import type { SupervisorLimits, SupervisorState } from './supervisor_machine.ts'
import { SUPERVISOR_LIMITS, supervisorMachine } from './supervisor_machine.ts'

export interface TrustedHalfOptions {
  config: MemberConfig
  /** The module that the process runs. */
  entryPath: string
  /** Called at each start, so that the measured code is the code that starts. */
  device: () => EvidenceDevice
  logFolder: string
  say: Say
  clock: Clock
  random: () => number
  limits?: SupervisorLimits | undefined
  /** Present only for authentication. */
  saveAdminPassword?: ((id: string, password: string) => Promise<void>) | undefined
  onChange?: ((status: TrustedHalfStatus) => void) | undefined
}

export interface TrustedHalfStatus {
  service: string
  instance: number
  state: SupervisorState
  /** The id of the current process; absent while none runs, between two processes. */
  pid?: number
  memberId?: string
  measurement?: string
  /** How often it ended by itself within the last minute. */
  endings: number
  /** Why it cannot go on, as it said itself. */
  problem?: RefusalNote
  logPath: string
}

export interface TrustedHalf {
  status(): TrustedHalfStatus
  /** Resolves when it serves; if it was given up or stopped, refuses with its own reason. */
  ready(): Promise<void>
  /** Drains the process, kills it after seven seconds, and resolves when it is gone. */
  stop(): Promise<void>
  /** Kills the current process without a warning, and resolves when it is gone. Its supervisor starts another one. */
  kill(): Promise<void>
}

const START_MS_MAX = 60_000
/** A draining member gives its letters five seconds; this is longer, so that it can still close what it opened. */
const DRAIN_MS_MAX = 7_000
/** The cause of a refusal seldom goes away at once, so the next try waits longer than after a crash. */
const REFUSED_FIRST_MS = 1_000
const FIRST_MS = 100
const LAST_MS = 10_000

export function superviseTrustedHalf(options: TrustedHalfOptions): TrustedHalf {
  const { config, say, clock } = options
  const name = `${config.service}-${config.instance}`
  const logPath = join(options.logFolder, `${name}.log`)
  let member: MemberProcess | undefined
  let about: Pick<TrustedHalfStatus, 'memberId' | 'measurement'> = {}
  let cancelRetry = () => {}
  let cancelWatch = () => {}
  const watch = (delayMs: number, callback: () => void) => {
    cancelWatch()
    cancelWatch = clock.after(delayMs, callback)
  }

  const machine = supervisorMachine.provide({
    actions: {
      launch() {
        about = {}
        member = startMemberProcess({
          config,
          entryPath: options.entryPath,
          device: options.device(),
          logPath,
          clock,
          saveAdminPassword: options.saveAdminPassword,
          onState: noteState,
          onFailed: (note) => actor.send({ type: 'FAILED', note }),
          onEnd(how) {
            member = undefined
            cancelWatch()
            actor.send({ type: 'EXITED', how, atMs: clock.now() })
          },
        })
        watch(START_MS_MAX, () => actor.send({ type: 'TOO_SLOW' }))
      },
      askToDrain: () => member?.drain(),
      limitDrain: () => watch(DRAIN_MS_MAX, () => member?.kill()),
      kill: () => member?.kill(),
      scheduleRetry({ context }) {
        const firstMs = context.refusal === undefined ? FIRST_MS : REFUSED_FIRST_MS
        const delayMs = backoffMs(context.endings.length, { firstMs, lastMs: LAST_MS }, options.random())
        say(`${name} ${describe(context)}; it is started again in ${(delayMs / 1000).toFixed(1)} s`)
        cancelRetry = clock.after(delayMs, () => actor.send({ type: 'RETRY' }))
      },
      cancelRetry: () => cancelRetry(),
      tellGivenUp({ context }) {
        const tries = context.endings.length === 1 ? 'the first try' : `${context.endings.length} tries`
        say(`${name} ${describe(context)}; it is given up after ${tries}. Its log is ${logPath}`)
      },
    },
  })
  const actor = createActor(machine, { input: { limits: options.limits ?? SUPERVISOR_LIMITS } })

  function noteState({ state, memberId, measurement }: Extract<MemberMessage, { type: 'state' }>): void {
    about = {
      ...about,
      ...defined({ memberId, measurement }),
    }
    if (state === 'attesting') return actor.send({ type: 'ATTESTING' })
    if (state === 'draining') return actor.send({ type: 'DRAINING' })
    cancelWatch()
    actor.send({ type: 'READY' })
  }

  function status(): TrustedHalfStatus {
    const { value, context } = actor.getSnapshot()
    return {
      service: config.service,
      instance: config.instance,
      state: value,
      ...defined({ pid: member?.pid }),
      ...about,
      endings: context.endings.length,
      ...defined({ problem: context.refusal }),
      logPath,
    }
  }

  /** Resolves with the first of these states that the half reaches; the current state counts. */
  function reached(states: readonly SupervisorState[]): Promise<SupervisorState> {
    return new Promise((resolve) => {
      const present = actor.getSnapshot().value
      if (states.includes(present)) return resolve(present)
      const look = () => {
        const { value } = actor.getSnapshot()
        if (!states.includes(value)) return
        subscription.unsubscribe()
        resolve(value)
      }
      const subscription = actor.subscribe({ next: look, complete: look })
    })
  }

  actor.subscribe(() => options.onChange?.(status()))
  actor.start()

  return {
    status,
    async ready() {
      if ((await reached(['ready', 'failed', 'stopped'])) === 'ready') return
      const { problem } = status()
      if (problem !== undefined) throw parseRefusal(problem)
      throw new Refusal('unavailable', `${name} does not stay up`, { hint: `see its log in ${logPath}` })
    },
    async stop() {
      if (actor.getSnapshot().value !== 'stopped') actor.send({ type: 'STOP' })
      await reached(['stopped'])
    },
    async kill() {
      if (member === undefined) return
      member.kill()
      await reached(['ended', 'backoff', 'failed', 'stopped', 'starting'])
    },
  }
}

function describe({ refusal, ending }: { refusal: RefusalNote | undefined; ending: string | undefined }): string {
  if (refusal === undefined) return `ended (${ending})`
  return `says: ${refusal.message}${refusal.hint === undefined ? '' : ` (${refusal.hint})`}`
}
