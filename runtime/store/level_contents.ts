/**
 * Reads everything that an opened folder holds, once, and believes it only as a whole: every record opens under its own
 * key, and together the records add up to the sealed state record.
 */
import type { AesValueSeal } from '../../attestation/index.ts'
import { storeKey } from '../../messages/index.ts'
import { damagedFolder, newerFolder } from './level_folder.ts'
import type { StoreState } from './level_record.ts'
import { FORMAT_VERSION, openRecord, openState, StateDigest, STATE_KEY, versionOf } from './level_record.ts'
import { OrderedIndex } from './ordered_index.ts'

export interface Contents {
  lastRevision: number
  /** The revision of each key. */
  index: OrderedIndex<number>
  digest: StateDigest
}

/**
 * @param records all records of the database, ordered by key
 * @returns undefined when there are none at all
 * @throws Refusal `state_damaged` naming the folder
 */
export async function verifyContents(
  folder: string,
  seal: AesValueSeal,
  records: AsyncIterable<[key: string, record: Uint8Array]>,
): Promise<Contents | undefined> {
  const index = new OrderedIndex<number>()
  const digest = new StateDigest()
  let state: StoreState | undefined
  for await (const [key, record] of readable(folder, records)) {
    // The state record has the first of all keys, so the version is known before anything else is read.
    if (state === undefined) {
      state = readState(folder, seal, key, record)
      continue
    }
    const revision = readRevision(folder, seal, key, record)
    digest.add(seal.mark(key, revision))
    index.set(key, revision)
  }
  if (state === undefined) return undefined
  if (state.values !== index.size || Buffer.compare(state.digest, digest.toBytes()) !== 0) {
    throw damagedFolder(folder, 'a value is missing, or is an older one than its state record counts')
  }
  return { lastRevision: state.lastRevision, index, digest }
}

/** The same records; damage that LevelDB finds is refused in our words. */
async function* readable<T>(folder: string, records: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* records
  } catch (error) {
    throw damagedFolder(folder, String(error), error)
  }
}

function readState(folder: string, seal: AesValueSeal, key: string, record: Uint8Array): StoreState {
  if (key !== STATE_KEY) throw damagedFolder(folder, 'its state record is missing')
  const version = versionOf(record)
  if (version > FORMAT_VERSION) throw newerFolder(folder, version, FORMAT_VERSION)
  try {
    return openState(seal, record)
  } catch (error) {
    throw damagedFolder(
      folder,
      'its state record does not open; it was changed, or sealed with another storage key',
      error,
    )
  }
}

function readRevision(folder: string, seal: AesValueSeal, key: string, record: Uint8Array): number {
  if (!storeKey.safeParse(key).success) throw damagedFolder(folder, `it holds a foreign record, ${JSON.stringify(key)}`)
  try {
    return openRecord(seal, key, record).revision
  } catch (error) {
    throw damagedFolder(folder, `the value under ${key} does not open; it was changed or moved`, error)
  }
}
