/** Hints over plain subjects: something changed. They carry no secrets, and a missing or forged one costs a read. */
import { HEADERS } from '../../messages/index.ts'
import type { Transport } from './transport.ts'

/** Hints that something changed; they carry no secrets and nothing is decided from them. */
export interface Events {
  publish(subject: string, fields: Record<string, string | number>): void
  /** Calls back for each event on the subject; the returned function ends it. */
  subscribe(subject: string, callback: () => void): () => void
}

export function createEvents(transport: Transport): Events {
  return {
    publish(subject, fields) {
      const headers: Record<string, string> = {}
      if (fields['task_id'] !== undefined) headers[HEADERS.task] = String(fields['task_id'])
      if (fields['state'] !== undefined) headers[HEADERS.state] = String(fields['state'])
      transport.publish(subject, Buffer.from(JSON.stringify(fields)), { headers })
    },
    subscribe(subject, callback) {
      const subscription = transport.subscribe(subject, {}, () => callback())
      return () => subscription.unsubscribe()
    },
  }
}
