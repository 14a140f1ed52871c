/**
 * What storage may be asked: sealed values under keys, replaced only by compare-and-set. An extension has a part of its
 * own, and is answered as if there were nothing else.
 */
import { z } from 'zod'
import { bytes } from '../bytes.ts'
import { protocol } from '../protocol.ts'

export const storeKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,256}$/, 'must be 1 to 256 printable ASCII characters')
  .describe('A key: 1 to 256 printable ASCII characters, ordered bytewise; `/` separates its parts by convention.')
const value = bytes(0, 768 * 1024).describe('The value, as the caller packed it.')
const revision = z.int().describe('Names this value under this key; each commit makes a new one.')
const entry = z.strictObject({ key: storeKey, value, revision })
const entries = z.array(entry).describe('The entries that were found.')

export const storage = protocol(
  'storage',
  'Sealed values under keys, replaced only by compare-and-set',
  ['authentication', 'management', 'scheduler', 'access_control', 'extension'],
  {
    get: {
      about: 'The value and revision under a key',
      request: z.strictObject({ key: storeKey }),
      reply: z.strictObject({ value, revision }),
      refuses: ['not_found'],
    },
    get_many: {
      about: 'The entries under several keys, those that exist',
      request: z.strictObject({ keys: z.array(storeKey).min(1).max(100).describe('The keys.') }),
      reply: z.strictObject({ entries }),
      refuses: [],
    },
    commit: {
      about:
        'Writes all or nothing; each write names the revision it replaces (0: the key is absent); one without a ' +
        'value only needs it, and one with `add` adds to a counter',
      request: z.strictObject({
        writes: z
          .array(
            z.union([
              z.strictObject({
                key: storeKey,
                value: value.nullable().optional().describe('The new value; null deletes, absent leaves it as it is.'),
                revision: z.int().min(0).describe('What must be there now; 0: nothing.'),
              }),
              z.strictObject({
                key: storeKey,
                add: z
                  .int()
                  .describe('Added to the counter under the key, whatever it is; another write names a revision.'),
              }),
            ]),
          )
          .min(1)
          .max(100)
          .describe('What is written, all of it or nothing.'),
      }),
      reply: z.strictObject({ revisions: z.array(z.int()).describe('The revision after each write.') }),
      refuses: ['conflict', 'state_damaged'],
    },
    scan: {
      about: 'Entries whose keys begin with a prefix, in order, after a key',
      request: z.strictObject({
        prefix: z.string().max(256).describe('How their keys begin.'),
        after: storeKey.optional().describe('Only what comes after this key, in the order that is asked for.'),
        limit: z.int().min(1).max(1000).describe('How many at most.'),
        reverse: z.boolean().default(false).describe('From the last to the first.'),
      }),
      reply: z.strictObject({ entries }),
      refuses: [],
    },
  },
)
