/** assign_data: parties put their data into the places that a task declares. */
import type { management } from '../../../messages/index.ts'
import { defined, Refusal } from '../../../messages/index.ts'
import type { Entry, Handlers, Write } from '../../../runtime/index.ts'
import type { AccessClient } from '../access/access.ts'
import { mayUseData, mayUseUnderRule } from '../access/access.ts'
import type { DataRecord } from '../data/stored_data.ts'
import { noSuchData, unpackData } from '../data/stored_data.ts'
import { dataKey, taskKey, useKey } from '../records/keys.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { readMany } from '../records/storage_access.ts'
import { advance, isEnded } from '../lifecycle/task_machine.ts'
import type { TaskLife, TaskRecord } from '../lifecycle/task_record.ts'
import { packRecord, unpackRecord } from '../records/stored_record.ts'
import type { AssignableFile } from '../lifecycle/task_rules.ts'
import type { CarryOut } from '../tasks/task_command.ts'
import { findFile } from '../lifecycle/task_terms.ts'
import { admitParty, viewTask } from '../tasks/task_view.ts'

/** A deletion that has not come to its end after this long is given up. */
const DELETING_MS = 30_000

interface Place {
  kind: 'inputs' | 'outputs'
  name: string
  data_id: string
}

export interface AssignDataParts {
  storage: StorageClient
  access: AccessClient
  carryOut: CarryOut
}

export function assignData({
  storage,
  access,
  carryOut,
}: AssignDataParts): Pick<Handlers<typeof management>, 'assign_data'> {
  return {
    async assign_data({ caller, request }) {
      const party = caller.user_id
      const places = [...placesOf('inputs', request.inputs), ...placesOf('outputs', request.outputs)]
      const changed = await carryOut(request.task_id, {
        admit: (loaded) => admitParty(access, loaded, party),
        // Delivered again, the request finds what it asked for.
        isDone: ({ record }) => places.length > 0 && places.every((place) => isAssigned(record, place)),
        async decide({ record }, { at }) {
          const entries = await readMany(
            storage,
            places.map((place) => dataKey(place.data_id)),
          )
          const found = [...entries.values()].flatMap((entry) => unpackData(entry) ?? [])
          const data = new Map(found.map((each) => [each.data_id, each]))
          const living = await readLivingHolders(storage, record.task_id, found)
          const files = places.map((place) => fileFor(place, party, data, living))
          const next = advance(record, { type: 'assign_data', at, party, files })
          await checkAccess(access, record, party, found, at)
          return { next, writes: holdData(record, places, data, entries, at) }
        },
      })
      return viewTask(changed)
    },
  }
}

function placesOf(kind: Place['kind'], files: Readonly<Record<string, string>>): Place[] {
  return Object.entries(files).map(([name, data_id]) => ({ kind, name, data_id }))
}

function isAssigned(record: TaskRecord, { kind, name, data_id }: Place): boolean {
  return findFile(record.terms, kind, name)?.data_id === data_id
}

function fileFor(
  place: Place,
  party: string,
  data: ReadonlyMap<string, DataRecord>,
  living: ReadonlySet<string>,
): AssignableFile {
  const record = data.get(place.data_id)
  // Whether others have such data is not the caller's to know.
  if (record === undefined || !record.owners.includes(party))
    throw noSuchData(place.data_id, `${place.kind}.${place.name}`)
  const { owners, scheme, tag, url_bytes, assigned_to, rule } = record
  return {
    ...place,
    owners,
    scheme,
    url_bytes,
    written: tag !== undefined,
    ...(place.kind === 'inputs' && tag !== undefined ? { tag } : {}),
    ...defined({ rule }),
    ...(assigned_to !== undefined && living.has(assigned_to) ? { held_by: assigned_to } : {}),
  }
}

/** Of the other tasks that these outputs were assigned to, those that may still write them. */
async function readLivingHolders(
  storage: StorageClient,
  taskId: string,
  data: readonly DataRecord[],
): Promise<Set<string>> {
  const holders = data.flatMap(({ assigned_to: other }) => (other === undefined || other === taskId ? [] : [other]))
  const entries = await readMany(storage, holders.map(taskKey))
  // An ended task never lives again, so what is read here stays true until the commit.
  const lives = [...entries.values()].map((entry) => unpackRecord<TaskLife>(entry.value))
  return new Set(lives.filter((life) => !isEnded(life)).map((life) => life.task_id))
}

async function checkAccess(
  access: AccessClient,
  task: TaskRecord,
  party: string,
  data: readonly DataRecord[],
  at: number,
): Promise<void> {
  const decisions = await Promise.all([
    ...data.map((record) => mayUseData(access, party, record)),
    ...data.filter(({ rule }) => rule !== undefined).map((record) => mayUseUnderRule(access, task, record, at)),
  ])
  const denied = decisions.find((decision) => !decision.allowed)
  if (denied !== undefined) {
    throw new Refusal('forbidden', `the rule ${denied.rule} does not allow it: ${denied.reason}`, {
      hint: 'assign data of your own, whose rule the task meets',
    })
  }
}

/**
 * The writes that tie the data to the task. An output remembers its task: two tasks that want the same one cannot both
 * commit. An input may be in many tasks at once, so its record is only required to be unchanged, and the use is noted
 * beside it.
 * @throws Refusal `conflict` for data that is about to be deleted
 */
function holdData(
  { task_id: taskId, terms }: TaskRecord,
  places: readonly Place[],
  data: ReadonlyMap<string, DataRecord>,
  entries: ReadonlyMap<string, Entry>,
  at: number,
): Write[] {
  const writes = new Map<string, Write>()
  for (const { kind, data_id } of places) {
    const [record, entry] = [data.get(data_id), entries.get(dataKey(data_id))]
    if (record === undefined || entry === undefined) continue
    const { deleting_at, ...rest } = record
    if (deleting_at !== undefined && at - deleting_at < DELETING_MS) {
      throw new Refusal('conflict', `${data_id} is about to be deleted`, { hint: 'assign other data, or try again' })
    }
    const { key, revision } = entry
    if (kind === 'outputs') writes.set(key, { key, value: packRecord({ ...rest, assigned_to: taskId }), revision })
    else {
      writes.set(key, deleting_at === undefined ? { key, revision } : { key, value: packRecord(rest), revision })
      // The use is noted already where the task has the input in another place.
      if (terms.inputs.some((file) => file.data_id === data_id)) continue
      const use = useKey(data_id, taskId)
      writes.set(use, { key: use, value: new Uint8Array(0), revision: 0 })
    }
  }
  return [...writes.values()]
}
