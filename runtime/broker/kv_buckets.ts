/** The door to the NATS key-value buckets: passports by digest and by member, and the coordinator's sealed register. */
import type { NatsConnection } from '@nats-io/nats-core'
import type { KV } from '@nats-io/kv'
import { Kvm } from '@nats-io/kv'
import { COORDINATOR_BUCKET, PASSPORTS_BUCKET, Refusal } from '../../messages/index.ts'
import type { Register, RegisterEntry } from './register.ts'

const REGISTER_KEY = 'state'
/** Others are keys of no bucket: the client would throw, where a stranger's name is to be found missing. */
const NAME = /^[A-Za-z0-9_-]+$/
/** A passport is put again at each renewal, so what is older than this is of nobody. */
const PASSPORT_TTL_MS = 24 * 60 * 60 * 1000

/** Where passports are found; the reader verifies what it finds, so the place need not be trusted. */
export interface PassportSource {
  byDigest(digestHex: string): Promise<string | undefined>
  byMember(member: string): Promise<string | undefined>
}

export interface PassportBucket extends PassportSource {
  put(member: string, digestHex: string, jws: string): Promise<void>
  /** Every passport that was put, by member; expired ones included. */
  all(): Promise<string[]>
}

/** @param create true for the coordinator, which owns the buckets; everybody else opens what is there */
export function openPassportBucket(connection: NatsConnection, create: boolean): PassportBucket {
  const bucket = openBucket(connection, PASSPORTS_BUCKET, create, { ttl: PASSPORT_TTL_MS, history: 1 })
  const read = (key: string) =>
    reach(PASSPORTS_BUCKET, async () => {
      const entry = await (await bucket()).get(key)
      return entry === null || entry.operation !== 'PUT' ? undefined : entry.string()
    })
  return {
    byDigest: (digestHex) => read(`digest.${digestHex}`),
    byMember: (member) => (NAME.test(member) ? read(`member.${member}`) : Promise.resolve(undefined)),
    put: (member, digestHex, jws) =>
      reach(PASSPORTS_BUCKET, async () => {
        const kv = await bucket()
        await Promise.all([kv.put(`digest.${digestHex}`, jws), kv.put(`member.${member}`, jws)])
      }),
    all: () =>
      reach(PASSPORTS_BUCKET, async () => {
        const passports: string[] = []
        for await (const key of await (await bucket()).keys('member.>')) {
          const jws = await read(key)
          if (jws !== undefined) passports.push(jws)
        }
        return passports
      }),
  }
}

export function openCoordinatorRegister(connection: NatsConnection): Register {
  const bucket = openBucket(connection, COORDINATOR_BUCKET, true, { history: 8 })
  return {
    read: () =>
      reach(COORDINATOR_BUCKET, async (): Promise<RegisterEntry | undefined> => {
        const entry = await (await bucket()).get(REGISTER_KEY)
        if (entry === null || entry.operation !== 'PUT') return undefined
        return { value: entry.value, revision: entry.revision }
      }),
    replace: (value, revision) =>
      reach(COORDINATOR_BUCKET, async () => {
        const kv = await bucket()
        try {
          await (revision === 0 ? kv.create(REGISTER_KEY, value) : kv.update(REGISTER_KEY, value, revision))
        } catch (cause) {
          // Also where the answer was lost: whoever reads again finds out which of the two it was.
          throw new Refusal('conflict', 'the register was replaced by somebody else', { cause })
        }
      }),
  }
}

// Opened at first use and again after a failure, so that a broker that comes back late is no reason to end.
function openBucket(
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

/** Whatever goes wrong with a bucket, the broker or its disk is away: `unavailable`. */
async function reach<T>(name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (cause) {
    if (cause instanceof Refusal) throw cause
    throw new Refusal('unavailable', `the bucket "${name}" cannot be reached`, { cause })
  }
}
