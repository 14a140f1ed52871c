/** The policies of the code with documents added, outside of a deployment. */
import type { AccessDecision, AccessQuestion, PolicyDocuments } from '../../messages/index.ts'
import { Policy } from './policy.ts'
import { readPolicyFiles } from './policy_files.ts'

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
