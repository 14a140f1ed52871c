/**
 * What stands behind a frontend under test: management and the coordinator write down what they are asked, access
 * control decides.
 */
import type { CallerIdentity, DoorMethod } from '../../../messages/index.ts'
import { coordinator, defined, frontend, management, policyMethods, Refusal } from '../../../messages/index.ts'
import type { AskOptions, ServiceHost } from '../../../runtime/index.ts'
import { ManualClock } from '../../../runtime/index.ts'

const METHODS = Object.keys(frontend.methods) as DoorMethod[]

export class CountingClock extends ManualClock {
  scheduled = 0

  override after(delayMs: number, callback: () => void): () => void {
    this.scheduled += 1
    return super.after(delayMs, callback)
  }
}

export interface Forwarded {
  method: string
  /** Absent where whoever carries it out need not know. */
  caller?: CallerIdentity
  request: unknown
  options: AskOptions
}

/** Counts the questions to a real service; while it fails, nobody answers them. */
interface Counted {
  count: number
  fails: boolean
}

export interface Recorder {
  forwarded: Forwarded[]
  answer: (method: string) => unknown
  decided: Counted
  asked: Counted
}

/** The host of a frontend, with a management and a coordinator that write down what they are asked. */
export function withManagement(host: ServiceHost, { forwarded, answer, decided, asked }: Recorder): ServiceHost {
  const recorder = Object.fromEntries(
    METHODS.map((method) => [
      method,
      async ({ caller, request }: { caller: CallerIdentity; request: unknown }, options: AskOptions) => {
        forwarded.push({ method, caller, request, options })
        return answer(method)
      },
    ]),
  )
  const failing = (client: object, method: string, state: { count: number; fails: boolean }) => ({
    [method]: async (...request: unknown[]) => {
      state.count += 1
      if (state.fails) throw new Refusal('unavailable', 'no member answers')
      return (client as Record<string, (...request: unknown[]) => unknown>)[method]!(...request)
    },
  })
  const client = (protocol: { name: string }) => {
    if (protocol.name === management.name) return { ...recorder, anchor_audit: async () => ({}) }
    if (protocol.name === coordinator.name) {
      return {
        revoke_member: async (request: unknown, options: AskOptions) => {
          forwarded.push({ method: 'revoke_member', request, options })
          return {}
        },
      }
    }
    const real = host.client(protocol as never)
    const aboutPolicies = Object.keys(policyMethods).map((method) => [
      method,
      async (request: { caller?: CallerIdentity }, options: AskOptions) => {
        forwarded.push({
          method,
          request,
          options,
          ...defined({ caller: request.caller }),
        })
      },
    ])
    return protocol.name === 'access_control'
      ? { ...failing(real, 'decide', decided), ...Object.fromEntries(aboutPolicies) }
      : failing(real, 'get_session_keys', asked)
  }
  return { ...host, client }
}
