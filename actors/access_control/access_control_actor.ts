/** Access control answers one question from the facts that come with it. It has no state, and nothing to ask. */
import { access_control } from '../../messages/index.ts'
import type { Actor } from '../../runtime/index.ts'
import { actor } from '../../runtime/index.ts'
import { decide } from './rules.ts'

export function accessControlActor(): Actor<typeof access_control> {
  return actor(access_control, { decide })
}
