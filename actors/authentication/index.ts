/** Starts a member of authentication. */
import { AuditChain } from '../../attestation/index.ts'
import type { authentication } from '../../messages/index.ts'
import { storage } from '../../messages/index.ts'
import type { Service, ServiceHost } from '../../runtime/index.ts'
import { auditKeyOf, openAudit, repeat } from '../../runtime/index.ts'
import { authenticationActor } from './authentication_actor.ts'
import { ADMIN_ID, ensureFirstAdmin } from './first_admin.ts'
import { sweepRecords } from './listing.ts'
import { LoginGuard } from './login_guard.ts'
import type { DeriveKey } from './password.ts'
import { PasswordHasher, scryptDerive } from './password.ts'
import { Sessions } from './sessions.ts'
import { parseSettings } from './settings.ts'

/** How often what has run out is deleted. A sweep that fails is left to the next one: nothing depends on it. */
const SWEEP_MS = 600_000

/** @param derive how passwords are hashed */
export async function start(
  host: ServiceHost,
  derive: DeriveKey = scryptDerive,
): Promise<Service<typeof authentication>> {
  const { clock, log } = host
  const settings = parseSettings(host.settings)
  const store = host.client(storage)
  const hasher = new PasswordHasher({ N: settings.scrypt_n, r: 8, p: 1 }, derive)
  const sessions = await Sessions.open(store, clock, settings.session_ms)
  const madeAdmin = await ensureFirstAdmin(store, hasher, clock.now(), host.saveAdminPassword?.bind(host))
  const guard = new LoginGuard(store, hasher, clock, log)
  const endSweeps = repeat(() => sweepRecords(store, clock.now()), {
    everyMs: SWEEP_MS,
    clock,
    onFailure: (error) => log.warn({ reason: String(error) }, 'old records were not swept'),
  })
  const audit = openAudit(host, new AuditChain(auditKeyOf(host)))
  if (madeAdmin) {
    const text = 'the first admin, made at the first start'
    audit.note({ kind: 'change', method: 'user_register', object: ADMIN_ID, outcome: 'ok', text })
  }
  return {
    actor: authenticationActor({ store, sessions, guard, hasher, audit, clock, log }),
    async close() {
      void endSweeps()
      await audit.close()
    },
  }
}
