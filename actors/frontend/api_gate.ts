/**
 * Asks access control whether a role may call a method. An answer is kept for half a second at most, so that a change
 * of policy counts soon; while a question is under way, it is not asked again. No more answers are kept than there are
 * roles times methods.
 */
import type { access_control, AccessDecision, Role } from '../../messages/index.ts'
import { Refusal } from '../../messages/index.ts'
import type { Client, Clock } from '../../runtime/index.ts'

const KEPT_MS = 500
/** Longer than access control takes to be started again: a killed one costs its callers time, not an error. */
const ASK_MS = 8000

export class ApiGate {
  readonly #accessControl: Pick<Client<typeof access_control>, 'decide'>
  readonly #clock: Clock
  readonly #answers = new Map<string, { askedAtMs: number; decision: Promise<AccessDecision> }>()

  constructor(client: Pick<Client<typeof access_control>, 'decide'>, clock: Clock) {
    this.#accessControl = client
    this.#clock = clock
  }

  /** @throws Refusal `forbidden`, or what access control refuses with when it cannot answer */
  async check(role: Role, method: string): Promise<AccessDecision> {
    const decision = await this.#decide(role, method)
    const { allowed, rule, policy_version } = decision
    if (allowed) return decision
    throw new Refusal('forbidden', `a ${role} may not call ${method}`, {
      hint: `rule ${rule} of policy ${policy_version.slice(0, 12)} says so; ask an admin for another role`,
    })
  }

  #decide(role: Role, method: string): Promise<AccessDecision> {
    const key = `${role} ${method}`
    const nowMs = this.#clock.now()
    const known = this.#answers.get(key)
    if (known !== undefined && nowMs - known.askedAtMs < KEPT_MS) return known.decision
    const decision = this.#accessControl.decide({ question: 'api', role, method }, { timeoutMs: ASK_MS })
    const answer = { askedAtMs: nowMs, decision }
    this.#answers.set(key, answer)
    // Silence is not a decision: the next request asks again.
    decision.catch(() => {
      if (this.#answers.get(key) === answer) this.#answers.delete(key)
    })
    return decision
  }
}
