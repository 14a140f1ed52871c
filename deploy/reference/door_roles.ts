/** Which roles access control lets through the door, asked of the policies of the code as the frontend asks them. */
import { openPolicy } from '../../actors/access_control/index.ts'
import type { MayCall } from './method_entry.ts'

const policy = openPolicy()

export const mayCall: MayCall = (role, method) => policy.decide({ question: 'api', role, method }).allowed
