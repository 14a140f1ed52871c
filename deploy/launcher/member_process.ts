/**
 * One process of a trusted half. It is forked with a clean environment, and its output goes to a log file. Over a
 * channel it receives its configuration and asks its evidence device. This file reports what happens to the process; it
 * does not decide whether the process is started again.
 */
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { closeSync } from 'node:fs'
import type { EvidenceDevice } from '../../attestation/index.ts'
import type { RefusalNote } from '../../messages/index.ts'
import { parseRefusal } from '../../messages/index.ts'
import type { Clock, HostMessage, MemberConfig, MemberMessage } from '../../runtime/index.ts'
import { ADMIN_PASSWORD_ID, memberMessage } from '../../runtime/index.ts'
import { answerByDevice } from '../platform/evidence_device.ts'
import { openLog } from '../state/log_file.ts'

export interface MemberProcessOptions {
  config: MemberConfig
  /** The module that the process runs. */
  entryPath: string
  device: EvidenceDevice
  logPath: string
  clock: Clock
  /** Present only for authentication: no other service may hand over a password for the operator. */
  saveAdminPassword?: ((id: string, password: string) => Promise<void>) | undefined
  onState(message: Extract<MemberMessage, { type: 'state' }>): void
  onFailed(note: RefusalNote): void
  /** Called once, after the process's last message, with its exit code or signal. */
  onEnd(how: string): void
}

export interface MemberProcess {
  readonly pid: number | undefined
  drain(): void
  kill(): void
}

/** How long the channel may stay open after its process has ended. */
const CLOSE_MS_MAX = 1_000
const QUESTIONS_MAX = 16

/**
 * Nothing of the operator's environment reaches a trusted half: no certificate roots, no options for Node, no secrets.
 */
export const CLEAN_ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LANG: 'C.UTF-8',
}

export function startMemberProcess(options: MemberProcessOptions): MemberProcess {
  const log = openLog(options.logPath)
  const child = fork(options.entryPath, [], {
    env: CLEAN_ENVIRONMENT,
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', log, log, 'ipc'],
    // Its own process group, so that Ctrl-C in the terminal reaches only the launcher, which drains all in order.
    detached: true,
  })
  closeSync(log)

  let ended = false
  const end = (how: string) => {
    if (ended) return
    ended = true
    options.onEnd(how)
  }
  child.once('error', (error) => end(error.message))
  // `close` comes when the last message has been read, so a `failed` just before the end is not lost.
  child.once('close', (code, signal) => end(signal ?? `exit code ${code}`))
  child.once('exit', (code, signal) => options.clock.after(CLOSE_MS_MAX, () => end(signal ?? `exit code ${code}`)))

  let questions = 0
  child.on('message', (raw) => {
    const parsed = memberMessage.safeParse(raw)
    // A message of another form is ignored; the half that sent it gets no answer.
    if (ended || !parsed.success) return
    const message = parsed.data
    if (message.type === 'state') return options.onState(message)
    if (message.type === 'failed') return options.onFailed(parseRefusal(message).toNote())
    if (questions >= QUESTIONS_MAX) return tell(child, refuse(message, 'overloaded', 'too many questions at once'))
    questions += 1
    void answer(message, options).then((said) => {
      questions -= 1
      tell(child, said)
    })
  })

  return {
    pid: child.pid,
    drain: () => tell(child, { type: 'drain' }),
    kill: () => child.kill('SIGKILL'),
  }
}

type Question = Exclude<MemberMessage, { type: 'state' | 'failed' }>

/** Never throws: if something cannot be done, the answer says so. */
async function answer(question: Question, options: MemberProcessOptions): Promise<HostMessage> {
  if (question.type === 'hello') return { type: 'configure', config: options.config }
  if (question.type !== 'admin_password') return answerByDevice(options.device, question)
  const { id, password } = question
  if (options.saveAdminPassword === undefined) return refuse(question, 'forbidden', 'this service makes no admin')
  try {
    await options.saveAdminPassword(id, password)
    return { type: 'saved', id }
  } catch (error) {
    return refuse(question, 'unavailable', `the password could not be written: ${String(error)}`)
  }
}

function refuse(question: Question, code: string, message: string): HostMessage {
  return {
    type: 'error',
    id: 'id' in question && typeof question.id === 'number' ? question.id : ADMIN_PASSWORD_ID,
    code,
    message,
  }
}

/** A message to a process that has just ended is lost, which does no harm. */
function tell(child: ChildProcess, message: HostMessage): void {
  if (child.connected) child.send(message, () => {})
}
