/** Where members find the passports of others: a key-value bucket, by digest and by member. */
import type { NatsConnection } from '@nats-io/nats-core'
import { PASSPORTS_BUCKET } from '../../messages/index.ts'
import { openBucket, reach } from './kv_bucket.ts'

/**
 * Names that can be keys of a bucket. For any other the client throws, but a name made up by a stranger is just not
 * found.
 */
const NAME = /^[A-Za-z0-9_-]+$/
/** A passport is put again at each renewal, so one that is older than this belongs to nobody any more. */
const PASSPORT_TTL_MS = 24 * 60 * 60 * 1000

/** Where passports are found; whoever reads one verifies it, so the place need not be trusted. */
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
