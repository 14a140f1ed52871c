/** The door to the key-value buckets of NATS. */
import { Kvm } from '@nats-io/kv'
import type { KV } from '@nats-io/kv'
import type { NatsConnection } from '@nats-io/nats-core'
import { Refusal } from '../../messages/index.ts'

/**
 * Opens a bucket at its first use and again after a failure, so that a member survives a broker that comes back late.
 * @param create true for the owner of the bucket; everybody else opens what is there
 */
export function openBucket(
  connection: NatsConnection,
  name: string,
  create: boolean,
  options: { ttl?: number; history?: number },
): () => Promise<KV> {
  let opened: Promise<KV> | undefined
  return () => {
    const kvm = new Kvm(connection)
    opened ??= (create ? kvm.create(name, options) : kvm.open(name)).catch((cause: unknown) => {
      opened = undefined
      throw cause
    })
    return opened
  }
}

/** Whatever goes wrong with a bucket, the broker or its disk cannot be reached: `unavailable`. */
export async function reach<T>(name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (cause) {
    if (cause instanceof Refusal) throw cause
    throw new Refusal('unavailable', `the bucket "${name}" cannot be reached`, { cause })
  }
}
