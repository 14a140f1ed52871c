/** Says which roles may call a method. It asks the built-in policies of access control, as the frontend asks them. */
import { openPolicy } from '../../actors/access_control/index.ts'
import type { MayCall } from './method_entry.ts'

const policy = openPolicy()

export const mayCall: MayCall = (role, method) => policy.decide({ question: 'api', role, method }).allowed
