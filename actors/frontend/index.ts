/** Starts a member of the frontend. */
import { SessionCache } from '../../attestation/index.ts'
import { access_control, authentication, management } from '../../messages/index.ts'
import type { StartService } from '../../runtime/index.ts'
import { ApiGate } from './api_gate.ts'
import type { Forward } from './frontend_actor.ts'
import { frontendActor } from './frontend_actor.ts'
import { SessionWatch } from './session_watch.ts'

export const start: StartService = async (host) => {
  const { clock, log } = host
  const watch = new SessionWatch(host.client(authentication), clock, log)
  const parts = {
    watch,
    gate: new ApiGate(host.client(access_control), clock),
    cache: new SessionCache(),
    // Each method takes a request of its own form; a request that was parsed by ours fits, as both come from `apiMethods`.
    management: host.client(management) as unknown as Forward,
    clock,
    log,
  }
  return { actor: frontendActor(parts), close: async () => watch.close() }
}
