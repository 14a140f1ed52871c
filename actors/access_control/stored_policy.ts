/**
 * The documents that a deployment added, as they are stored: the present ones under one key, each version under its
 * own.
 */
import { z } from 'zod'
import type { storage } from '../../messages/index.ts'
import { pack, policyDocuments, Refusal, unpack } from '../../messages/index.ts'
import type { Client, Entry } from '../../runtime/index.ts'

export type StorageClient = Client<typeof storage>

const RECORD_BYTES_MAX = 768 * 1024
/** Earlier versions that can still be read. */
const VERSIONS_KEPT = 100

const storedPolicy = z.strictObject({
  format: z.literal(1),
  /** From 1, growing by one. */
  version: z.int().min(1),
  documents: policyDocuments,
  changed_by: z.string(),
  /** ms since 1970 */
  changed_at: z.int(),
  /** The request that made the version: when delivered again it is not a second change. */
  request_id: z.string(),
})
export type StoredPolicy = Omit<z.infer<typeof storedPolicy>, 'format'>

const CURRENT = 'policy/current'
const versionKey = (version: number) => `policy/version/${String(version).padStart(10, '0')}`

/** The present record with its revision, 0 where nothing was ever added. @throws Refusal `state_damaged` */
export async function readCurrent(
  store: StorageClient,
  timeoutMs: number,
): Promise<{ record?: StoredPolicy; revision: number }> {
  const { entries } = await store.get_many({ keys: [CURRENT] }, { timeoutMs })
  const [entry] = entries
  return entry === undefined ? { revision: 0 } : { record: parse(entry), revision: entry.revision }
}

/** @throws Refusal `not_found` */
export async function readVersion(store: StorageClient, version: number): Promise<StoredPolicy> {
  const { entries } = await store.get_many({ keys: [versionKey(version)] })
  const [entry] = entries
  if (entry !== undefined) return parse(entry)
  throw new Refusal('not_found', `there is no version ${version} of the policy`, {
    hint: `the last ${VERSIONS_KEPT} versions are kept; leave the version out for the present one`,
    field: 'version',
  })
}

/** @param revision of the record that is replaced. @throws Refusal `conflict` when somebody else was faster */
export async function writeNext(store: StorageClient, record: StoredPolicy, revision: number): Promise<void> {
  const value = pack({ format: 1, ...record })
  const outlived = versionKey(record.version - VERSIONS_KEPT)
  const old = record.version > VERSIONS_KEPT ? (await store.get_many({ keys: [outlived] })).entries : []
  await store.commit({
    writes: [
      { key: CURRENT, value, revision },
      { key: versionKey(record.version), value, revision: 0 },
      ...old.map((entry) => ({ key: entry.key, value: null, revision: entry.revision })),
    ],
  })
}

function parse({ key, value }: Entry): StoredPolicy {
  const parsed = storedPolicy.safeParse(unpack(value, RECORD_BYTES_MAX))
  if (parsed.success) {
    const { format: _format, ...record } = parsed.data
    return record
  }
  throw new Refusal('state_damaged', `${key} has a form that this version does not read`, {
    hint: 'start the version that wrote the state',
  })
}
