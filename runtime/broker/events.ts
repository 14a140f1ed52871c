/** Hints over plain subjects that something changed. A missing or forged one costs no more than a read. */
import { HEADERS } from '../../messages/index.ts'
import type { Transport } from './transport.ts'

/** Hints that something changed; they carry no secrets and nothing is decided from them. */
export interface Events {
  publish(subject: string, fields: Record<string, string | number>): void
  /** Calls back for each event on the subject, until the returned function is called. */
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
