/**
 * What the audit log says of a refusal: its words where they are made of ids and rules. Elsewhere they may quote what a
 * function said or what a caller made up, so only the field is named.
 */
import type { Refusal, RefusalCode } from '../../messages/index.ts'

const TELLABLE: readonly RefusalCode[] = ['forbidden', 'unauthenticated', 'quota_exceeded', 'overloaded', 'unavailable']

export function auditWordsOf({ code, message, hint, field }: Refusal): string {
  const words = TELLABLE.includes(code) ? [message, hint] : []
  return [...words, field === undefined ? undefined : `field ${field}`].filter((part) => part !== undefined).join('; ')
}
