/** Starts a member of access control; and its policies as a library, for those who write them. */
import { AuditChain } from '../../attestation/index.ts'
import type { AccessDecision, AccessQuestion, PolicyDocuments } from '../../messages/index.ts'
import { storage } from '../../messages/index.ts'
import type { StartService } from '../../runtime/index.ts'
import { auditKeyOf, openAudit } from '../../runtime/index.ts'
import { accessControlActor } from './access_control_actor.ts'
import { readPolicyFiles } from './policy_files.ts'
import { Policy } from './policy.ts'
import { PolicyKeeper } from './policy_keeper.ts'

export interface OpenPolicy {
  version: string
  /** The policies of the code, by id. */
  builtIn: Readonly<Record<string, string>>
  decide(question: AccessQuestion): AccessDecision
}

/** @throws Refusal `policy_invalid`, naming document, line and column */
export function openPolicy(documents: PolicyDocuments = {}): OpenPolicy {
  return new Policy(readPolicyFiles(), documents)
}

export const start: StartService = async (host) => {
  const store = host.client(storage)
  // Refuses to start when the policies of the code do not validate.
  const keeper = new PolicyKeeper(readPolicyFiles(), store, host.clock, host.log)
  const audit = openAudit(host, new AuditChain(auditKeyOf(host)))
  return { actor: accessControlActor(keeper, store, audit), close: () => audit.close() }
}
