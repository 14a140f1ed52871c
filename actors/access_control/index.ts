/** Starts a member of access control. */
import type { StartService } from '../../runtime/index.ts'
import { accessControlActor } from './access_control_actor.ts'

export { decide } from './rules.ts'

export const start: StartService = async () => ({ actor: accessControlActor() })
