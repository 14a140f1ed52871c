/**
 * What a launcher and its trusted half say to each other over the IPC channel of the process (serialization `advanced`,
 * so bytes stay bytes). The launcher is not trusted: it hands over configuration, evidence and the sealing key, and
 * nothing that it says can make a member believe a peer. Both sides check each message by its schema.
 *
 * The order: the half says `hello` and gets `configure`. Then it asks for evidence when it needs some, and reports its
 * state. When the channel closes, the launcher is gone, and the half drains and ends.
 */
import { z } from 'zod'
import type { EvidenceNote } from '../../messages/index.ts'
import { bytes, defined, evidenceNote, parseBy, parseRefusal, Refusal } from '../../messages/index.ts'
import type { Clock } from '../clock.ts'

export const memberConfig = z.strictObject({
  /** The role to play. */
  service: z.string().regex(/^[a-z][a-z0-9_]{0,31}$/),
  /** The absolute path of the file that plays it; absent for a service of the house. */
  servicePath: z.string().optional(),
  /** A fixed member id; absent, the member makes one for each life of its process. */
  memberId: z.string().max(80).optional(),
  /** Tells the processes of one service apart, from 0. Only the log uses it. */
  instance: z.int().min(0),
  natsUrl: z.string(),
  /** Empty if the broker asks for no user. */
  natsUser: z.string(),
  natsPassword: z.string(),
  /** The manifest as its exact JSON text, and its digest in hex. */
  manifest: z.string(),
  manifestDigest: z.string(),
  settings: z.record(z.string(), z.unknown()),
  logLevel: z.string(),
  plainRequests: z.boolean(),
  /** How long a passport lasts, if the deployment says so. */
  passportMs: z.int().min(1_000).optional(),
})
export type MemberConfig = z.infer<typeof memberConfig>

const requestId = z.int().min(0)

/** What the launcher says. */
export const hostMessage = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('configure'), config: memberConfig }),
  z.strictObject({ type: z.literal('evidence'), id: requestId, evidence: evidenceNote }),
  z.strictObject({ type: z.literal('sealing_key'), id: requestId, key: bytes(32, 32) }),
  z.strictObject({ type: z.literal('error'), id: requestId, code: z.string(), message: z.string() }),
  z.strictObject({ type: z.literal('saved'), id: z.string() }),
  z.strictObject({ type: z.literal('drain') }),
])
export type HostMessage = z.infer<typeof hostMessage>

/** What the trusted half says. */
export const memberMessage = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('hello') }),
  z.strictObject({ type: z.literal('attest'), id: requestId, reportData: bytes(1, 64) }),
  z.strictObject({ type: z.literal('get_sealing_key'), id: requestId }),
  z.strictObject({
    type: z.literal('state'),
    state: z.enum(['attesting', 'ready', 'draining']),
    memberId: z.string().max(80).optional(),
    measurement: z.string().max(128).optional(),
  }),
  z.strictObject({
    type: z.literal('failed'),
    code: z.string().max(64),
    message: z.string().max(4096),
    hint: z.string().max(4096).optional(),
  }),
  /**
   * The first start of authentication made this admin. The password is shown once, and kept in a file of the owner's.
   */
  z.strictObject({ type: z.literal('admin_password'), id: z.string().max(64), password: z.string().max(1024) }),
])
export type MemberMessage = z.infer<typeof memberMessage>

/** The trusted half's end of the channel; `process` fits it when a launcher forked this process. */
export interface HostChannel {
  send?(message: unknown): unknown
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'disconnect', listener: () => void): unknown
}

export interface HostLink {
  /** Says hello and waits for the configuration. Call it once, before anything else. */
  configure(): Promise<MemberConfig>
  /** Evidence from the device that binds `reportData` (at most 64 bytes). */
  attest(reportData: Uint8Array): Promise<EvidenceNote>
  /** The key that this platform gives to this code, to seal what must survive a restart. */
  getSealingKey(): Promise<Uint8Array>
  tellState(state: 'attesting' | 'ready' | 'draining', about?: { memberId?: string; measurement?: string }): void
  /** Says why this member cannot go on; the process should end afterwards. */
  tellFailed(refusal: Refusal): void
  /** Resolves once the operator's copy is on disk. */
  saveAdminPassword(id: string, password: string): Promise<void>
  /** Calls back once, when the launcher asks for a drain or is gone. */
  onDrain(callback: () => void): void
}

/** An `error` with this id answers `admin_password`, which has no number; questions count from 1. */
export const ADMIN_PASSWORD_ID = 0

const ANSWER_MS_MAX = 30_000
const PENDING_MAX = 64

/** The key under which a question waits for this answer. */
function keyOf(message: Exclude<HostMessage, { type: 'drain' }>): string {
  if (message.type === 'configure') return 'configure'
  if (message.type === 'saved' || message.id === ADMIN_PASSWORD_ID) return 'saved'
  return `${message.id}`
}

interface Waiting {
  resolve(message: HostMessage): void
  reject(error: Error): void
}

/** @throws Refusal `unavailable` where no launcher forked this process */
export function openHostLink(channel: HostChannel, clock: Clock): HostLink {
  if (channel.send === undefined) {
    throw new Refusal('unavailable', 'this process was not started by a launcher', {
      hint: 'start it with "npm start"',
    })
  }
  const waiting = new Map<string, Waiting>()
  const drainCallbacks: (() => void)[] = []
  let draining = false
  let nextId = 1

  const drain = () => {
    draining = true
    for (const callback of drainCallbacks.splice(0)) callback()
  }
  channel.on('message', (raw) => {
    const message = parseBy(hostMessage, raw, 'launcher message')
    if (message.type === 'drain') return drain()
    // If nobody waits for the answer, it came too late, and the caller has given up already.
    waiting.get(keyOf(message))?.resolve(message)
  })
  channel.on('disconnect', () => {
    for (const { reject } of waiting.values()) reject(new Refusal('unavailable', 'the launcher is gone'))
    drain()
  })

  const say = (message: MemberMessage) => {
    channel.send?.(message)
  }
  function ask(key: string, message: MemberMessage): Promise<HostMessage> {
    if (waiting.size >= PENDING_MAX || waiting.has(key)) {
      throw new Refusal('overloaded', 'too many questions to the launcher at once')
    }
    return new Promise<HostMessage>((resolve, reject) => {
      const cancel = clock.after(ANSWER_MS_MAX, () => {
        waiting.delete(key)
        reject(new Refusal('deadline_exceeded', 'the launcher did not answer'))
      })
      const stopWaiting = () => {
        cancel()
        waiting.delete(key)
      }
      waiting.set(key, {
        resolve(answer) {
          stopWaiting()
          if (answer.type === 'error') reject(parseRefusal(answer))
          else resolve(answer)
        },
        reject(error) {
          stopWaiting()
          reject(error)
        },
      })
      say(message)
    })
  }
  const misplaced = () => new Refusal('malformed', 'the launcher answered something else than it was asked')

  return {
    async configure() {
      const answer = await ask('configure', { type: 'hello' })
      if (answer.type !== 'configure') throw misplaced()
      return answer.config
    },
    async attest(reportData) {
      const id = nextId++
      const answer = await ask(`${id}`, { type: 'attest', id, reportData })
      if (answer.type !== 'evidence') throw misplaced()
      return answer.evidence
    },
    async getSealingKey() {
      const id = nextId++
      const answer = await ask(`${id}`, { type: 'get_sealing_key', id })
      if (answer.type !== 'sealing_key') throw misplaced()
      return answer.key
    },
    tellState: (state, about = {}) => say({ type: 'state', state, ...about }),
    tellFailed: (refusal) =>
      say({
        type: 'failed',
        code: refusal.code,
        message: refusal.message.slice(0, 4096),
        ...defined({ hint: refusal.hint?.slice(0, 4096) }),
      }),
    async saveAdminPassword(id, password) {
      await ask('saved', { type: 'admin_password', id, password })
    },
    onDrain(callback) {
      if (draining) callback()
      else drainCallbacks.push(callback)
    },
  }
}
