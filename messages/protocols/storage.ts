/** What storage may be asked: sealed values under keys, replaced only by compare-and-set. */
import { z } from 'zod'
import { bytes } from '../bytes.ts'
import { protocol } from '../protocol.ts'

/** Keys are ordered bytewise; `/` separates their parts by convention. */
export const storeKey = z.string().regex(/^[\x21-\x7e]{1,256}$/, 'must be 1 to 256 printable ASCII characters')
const value = bytes(0, 768 * 1024)
const entry = z.strictObject({ key: storeKey, value, revision: z.int() })

export const storage = protocol(
  'storage',
  'Sealed values under keys, replaced only by compare-and-set',
  ['authentication', 'management', 'scheduler', 'access_control'],
  {
    get: {
      about: 'The value and revision under a key',
      request: z.strictObject({ key: storeKey }),
      reply: z.strictObject({ value, revision: z.int() }),
      refuses: ['not_found'],
    },
    get_many: {
      about: 'The entries under several keys, those that exist',
      request: z.strictObject({ keys: z.array(storeKey).min(1).max(100) }),
      reply: z.strictObject({ entries: z.array(entry) }),
      refuses: [],
    },
    commit: {
      about:
        'Writes all or nothing; each write names the revision it replaces (0: the key is absent); one without a value only needs it',
      request: z.strictObject({
        writes: z
          .array(z.strictObject({ key: storeKey, value: value.nullable().optional(), revision: z.int().min(0) }))
          .min(1)
          .max(100),
      }),
      reply: z.strictObject({ revisions: z.array(z.int()) }),
      refuses: ['conflict', 'state_damaged'],
    },
    scan: {
      about: 'Entries whose keys begin with a prefix, in order, after a key',
      request: z.strictObject({
        prefix: z.string().max(256),
        after: storeKey.optional(),
        limit: z.int().min(1).max(1000),
        reverse: z.boolean().default(false),
      }),
      reply: z.strictObject({ entries: z.array(entry) }),
      refuses: [],
    },
  },
)
