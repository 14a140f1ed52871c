/**
 * The life of one trusted half, as a statechart. The statechart decides when to launch, to wait, to drain and to give
 * up. The process itself, its channel and all timers are in `trusted_half.ts`, which provides the actions and sends the
 * events.
 *
 *     starting -> attesting -> ready -> draining -> stopped
 *     any of these, when the process ends by itself -> backoff -> starting, or failed
 */
import type { RefusalNote } from '../../messages/index.ts'
import { assign, setup } from 'xstate'

export interface SupervisorLimits {
  /** At most so many restarts within the window; at one more, the half is given up. */
  restartsMax: number
  windowMs: number
}

export const SUPERVISOR_LIMITS: SupervisorLimits = { restartsMax: 10, windowMs: 60_000 }

/** Refusals that another start cannot cure: the operator has to act first. */
const LASTING: readonly string[] = ['state_damaged', 'invalid_request', 'unsupported']

interface SupervisorContext {
  limits: SupervisorLimits
  /** When the process ended by itself within the window; each in ms since 1970. */
  endings: readonly number[]
  /** Why the current process cannot go on, as it said itself. */
  refusal: RefusalNote | undefined
  /** How the last process ended: an exit code or a signal. */
  ending: string | undefined
  stopRequested: boolean
}

type SupervisorEvent =
  | { type: 'ATTESTING' }
  | { type: 'READY' }
  | { type: 'DRAINING' }
  | { type: 'FAILED'; note: RefusalNote }
  | { type: 'EXITED'; how: string; atMs: number }
  /** It did not become ready in time. */
  | { type: 'TOO_SLOW' }
  /** The backoff is over. */
  | { type: 'RETRY' }
  | { type: 'STOP' }

export const supervisorMachine = setup({
  types: {
    // xstate takes its types from these values, which are never read.
    context: {} as SupervisorContext,
    events: {} as SupervisorEvent,
    input: {} as { limits: SupervisorLimits },
  },
  actions: {
    launch: () => {},
    askToDrain: () => {},
    limitDrain: () => {},
    tellGivenUp: () => {},
    kill: () => {},
    scheduleRetry: () => {},
    cancelRetry: () => {},
    noteEnding: assign(({ context, event }) => {
      if (event.type !== 'EXITED') return {}
      const recent = context.endings.filter((atMs) => atMs > event.atMs - context.limits.windowMs)
      return { ending: event.how, endings: [...recent, event.atMs] }
    }),
    noteRefusal: assign(({ event }) => (event.type === 'FAILED' ? { refusal: event.note } : {})),
    noteSlow: assign({
      refusal: { code: 'deadline_exceeded', message: 'it did not become ready in time' } satisfies RefusalNote,
    }),
    forgetRefusal: assign({ refusal: undefined }),
    noteStop: assign({ stopRequested: true }),
  },
  guards: {
    stopRequested: ({ context }) => context.stopRequested,
    isHopeless: ({ context }) =>
      (context.refusal !== undefined && LASTING.includes(context.refusal.code)) ||
      context.endings.length > context.limits.restartsMax,
  },
}).createMachine({
  id: 'trusted half',
  context: ({ input }) => ({
    limits: input.limits,
    endings: [],
    refusal: undefined,
    ending: undefined,
    stopRequested: false,
  }),
  initial: 'starting',
  states: {
    starting: {
      entry: ['forgetRefusal', 'launch'],
      on: {
        ATTESTING: 'attesting',
        READY: 'ready',
        DRAINING: 'draining',
        FAILED: { actions: 'noteRefusal' },
        TOO_SLOW: { actions: ['noteSlow', 'kill'] },
        EXITED: { target: 'ended', actions: 'noteEnding' },
        STOP: { target: 'draining', actions: ['noteStop', 'askToDrain'] },
      },
    },
    attesting: {
      on: {
        READY: 'ready',
        DRAINING: 'draining',
        FAILED: { actions: 'noteRefusal' },
        TOO_SLOW: { actions: ['noteSlow', 'kill'] },
        EXITED: { target: 'ended', actions: 'noteEnding' },
        STOP: { target: 'draining', actions: ['noteStop', 'askToDrain'] },
      },
    },
    ready: {
      on: {
        ATTESTING: 'attesting',
        DRAINING: 'draining',
        FAILED: { actions: 'noteRefusal' },
        EXITED: { target: 'ended', actions: 'noteEnding' },
        STOP: { target: 'draining', actions: ['noteStop', 'askToDrain'] },
      },
    },
    // A member may also drain by itself, for example after it was revoked; when it has ended, it is started again.
    draining: {
      entry: 'limitDrain',
      on: {
        FAILED: { actions: 'noteRefusal' },
        EXITED: { target: 'ended', actions: 'noteEnding' },
        STOP: { actions: ['noteStop', 'askToDrain'] },
      },
    },
    ended: {
      always: [
        { guard: 'stopRequested', target: 'stopped' },
        { guard: 'isHopeless', target: 'failed' },
        { target: 'backoff' },
      ],
    },
    backoff: {
      entry: 'scheduleRetry',
      exit: 'cancelRetry',
      on: { RETRY: 'starting', STOP: { target: 'stopped', actions: 'noteStop' } },
    },
    failed: { entry: 'tellGivenUp', on: { STOP: { target: 'stopped', actions: 'noteStop' } } },
    stopped: { type: 'final' },
  },
})

export type SupervisorState =
  'starting' | 'attesting' | 'ready' | 'draining' | 'ended' | 'backoff' | 'failed' | 'stopped'
