/** The door to the NATS key-value buckets: passports by digest and by member, and the coordinator's sealed register. */
import type { NatsConnection } from '@nats-io/nats-core'
import type { KV } from '@nats-io/kv'
import { Kvm } from '@nats-io/kv'
import { COORDINATOR_BUCKET, PASSPORTS_BUCKET, Refusal } from '../messages/index.ts'
import type { PassportSource } from './channel/peers.ts'
import type { Register, RegisterEntry } from './register.ts'

const REGISTER_KEY = 'state'
/** Others are keys of no bucket: the client would throw, where a stranger's name is to be found missing. */
const NAME = /^[A-Za-z0-9_-]+$/
/** A passport is put again at each renewal, so what is older than this is of nobody. */
const PASSPORT_TTL_MS = 24 * 60 * 60 * 1000

export interface PassportBucket extends PassportSource {
  put(member: string, digestHex: string, jws: string): Promise<void>
  /** Every passport that was put, by member; expired ones included. */
  all(): Promise<string[]>
}

/** @param create true for the coordinator, which owns the buckets; everybody else opens what is there */
export function openPassportBucket(connection: NatsConnection, create: boolean): PassportBucket {
  const bucket = openBucket(connection, PASSPORTS_BUCKET, create, { ttl: PASSPORT_TTL_MS, history: 1 })
  const read = async (key: string) => {
    const entry = await (await bucket()).get(key)
    return entry === null || entry.operation !== 'PUT' ? undefined : entry.string()
  }
  return {
    byDigest: (digestHex) => read(`digest.${digestHex}`),
    byMember: (member) => (NAME.test(member) ? read(`member.${member}`) : Promise.resolve(undefined)),
    async put(member, digestHex, jws) {
      const kv = await bucket()
      await Promise.all([kv.put(`digest.${digestHex}`, jws), kv.put(`member.${member}`, jws)])
    },
    async all() {
      const kv = await bucket()
      const passports: string[] = []
      for await (const key of await kv.keys('member.>')) {
        const jws = await read(key)
        if (jws !== undefined) passports.push(jws)
      }
      return passports
    },
  }
}

export function openCoordinatorRegister(connection: NatsConnection): Register {
  const bucket = openBucket(connection, COORDINATOR_BUCKET, true, { history: 8 })
  return {
    async read(): Promise<RegisterEntry | undefined> {
      const entry = await (await bucket()).get(REGISTER_KEY)
      return entry === null || entry.operation !== 'PUT' ? undefined : { value: entry.value, revision: entry.revision }
    },
    async replace(value, revision) {
      const kv = await bucket()
      try {
        await (revision === 0 ? kv.create(REGISTER_KEY, value) : kv.update(REGISTER_KEY, value, revision))
      } catch (cause) {
        throw new Refusal('conflict', 'the register was replaced by somebody else', { cause })
      }
    },
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
      throw new Refusal('unavailable', `the bucket "${name}" cannot be reached`, { cause })
    })
    return opened
  }
}
