/** Which roles access control lets through the door, asked of its rules as the frontend asks them. */
import { decide } from '../../actors/access_control/index.ts'
import type { MayCall } from './method_entry.ts'

export const mayCall: MayCall = (role, method) => decide({ question: 'api', role, method }).allowed
