/** Starts a member of the frontend. */
import { AuditChain, SessionCache } from '../../attestation/index.ts'
import type { AuditHead } from '../../messages/index.ts'
import { access_control, apiMethods, authentication, coordinator, fromKeys, management } from '../../messages/index.ts'
import type { AskOptions, ServiceHost, StartService } from '../../runtime/index.ts'
import { auditKeyOf, openAudit } from '../../runtime/index.ts'
import { ApiGate } from './api_gate.ts'
import type { Forward } from './frontend_actor.ts'
import { frontendActor } from './frontend_actor.ts'
import { SessionWatch } from './session_watch.ts'

export const start: StartService = async (host) => {
  const { clock, log } = host
  const managing = host.client(management)
  // The frontend has no business with storage; management keeps the end of its chain.
  const anchor = async (head: AuditHead) => void (await managing.anchor_audit(head))
  const audit = openAudit(host, new AuditChain(auditKeyOf(host)), { anchor })
  const watch = new SessionWatch(host.client(authentication), clock, log)
  const parts = {
    watch,
    gate: new ApiGate(host.client(access_control), clock),
    cache: new SessionCache(),
    forward: createForward(host),
    audit,
    clock,
    log,
  }
  const close = async () => {
    watch.close()
    await audit.close()
  }
  return { actor: frontendActor(parts), close }
}

function createForward(host: ServiceHost): Forward {
  // Each method takes a request of its own form; one that was parsed by ours fits, as both come from the same schemas.
  type Method = (request: unknown, options: AskOptions) => Promise<unknown>
  const managing = host.client(management) as unknown as Record<string, Method>
  const coordinating = host.client(coordinator) as unknown as Record<string, Method>
  const deciding = host.client(access_control) as unknown as Record<string, Method>
  const methods = Object.keys(apiMethods) as (keyof typeof apiMethods)[] // the keys that its type lists
  return {
    ...fromKeys(methods, (method): Forward[keyof Forward] => {
      return (caller, request, options) => managing[method]!({ caller, request }, options)
    }),
    get_policy: (_caller, request, options) => deciding['get_policy']!(request, options),
    put_policy: (caller, request, options) => deciding['put_policy']!({ caller, request }, options),
    revoke_member: (_caller, request, options) => coordinating['revoke_member']!(request, options),
  }
}
