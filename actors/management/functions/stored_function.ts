/**
 * A function as management stores it, other than `functionSpec` and `functionView` in messages, which are what is
 * registered and what is shown of it. The record has everything but the payload, which may be large and is kept beside
 * it.
 *
 * This drawer holds everything that management knows of functions: their records and payloads, the shelves on which
 * lists find them, the count of their runs, and the methods that register, show and change them.
 */
import type { FunctionSpec, FunctionView } from '../../../messages/index.ts'
import { defined, digestJson, pack, Refusal } from '../../../messages/index.ts'
import type { Entry } from '../../../runtime/index.ts'
import { functionKey } from '../records/keys.ts'
import type { StorageClient } from '../records/storage_access.ts'
import { readMany } from '../records/storage_access.ts'
import { unpackRecord } from '../records/stored_record.ts'
import { builtinSpecs } from '../../builtins/index.ts'
import { digestPayload, orderBytesOf } from './function_payload.ts'

export interface FunctionRecord extends Omit<FunctionSpec, 'payload'> {
  function_id: string
  owner: string
  function_digest: string
  /** What the payload takes of a run order. */
  payload_bytes: number
  /** SHA-256 of the payload; absent without one. */
  payload_digest?: string
  disabled: boolean
  /** True after it was deleted: nobody sees it any more, and its id stays taken. */
  deleted: boolean
  /** Payloads it has had: each is kept. */
  payloads: number
  /** The last requests that changed it. */
  changed_by: string[]
  /** Shelves that it is to be taken off. */
  leaving: string[]
}

const RECORD_BYTES_MAX = 256 * 1024
const BUILTIN_NAMES: readonly string[] = Object.keys(builtinSpecs)
const ALLOWLIST_ENTRY = /^(?:org:[A-Za-z0-9][A-Za-z0-9._-]{0,63}|[A-Za-z0-9][A-Za-z0-9._@-]{0,63})$/

/** @throws Refusal `unsupported`, `invalid_request` or `too_large`, naming the field */
export function writeFunction(functionId: string, owner: string, spec: FunctionSpec): FunctionRecord {
  checkExecutor(spec)
  checkNames(
    'arguments',
    spec.arguments.map((argument) => argument.key),
  )
  checkNames(
    'inputs',
    spec.inputs.map((file) => file.name),
  )
  checkNames(
    'outputs',
    spec.outputs.map((file) => file.name),
  )
  checkNames('allowlist', spec.allowlist)
  for (const argument of spec.arguments) {
    if (!argument.overridable && argument.default === undefined) {
      throw invalid('arguments', `the argument ${argument.key} is fixed, but has no value`, 'give it a default')
    }
  }
  const stranger = spec.allowlist.find((entry) => !ALLOWLIST_ENTRY.test(entry))
  if (stranger !== undefined) {
    throw invalid('allowlist', `the entry "${stranger}" names nobody`, 'an entry is a user id or org:<attribute>')
  }
  const { payload, ...rest } = spec
  const payload_digest = digestPayload(payload)
  const record: FunctionRecord = {
    ...rest,
    function_id: functionId,
    owner,
    function_digest: digestFunction(spec),
    payload_bytes: orderBytesOf(payload),
    ...defined({ payload_digest }),
    disabled: false,
    deleted: false,
    payloads: payload_digest === undefined ? 0 : 1,
    changed_by: [],
    leaving: [],
  }
  if (pack(record).length > RECORD_BYTES_MAX) {
    throw new Refusal('too_large', `the function without its payload takes more than ${RECORD_BYTES_MAX} bytes`, {
      hint: 'shorten the descriptions, the defaults or the allowlist',
    })
  }
  return record
}

/** The function, unless it was deleted. */
export async function readFunction(storage: StorageClient, functionId: string): Promise<FunctionRecord | undefined> {
  return unpackFunction((await readMany(storage, [functionKey(functionId)])).get(functionKey(functionId)))
}

/** The function under an entry, unless it was deleted. */
export function unpackFunction(entry: Entry | undefined): FunctionRecord | undefined {
  const record = entry === undefined ? undefined : unpackRecord<FunctionRecord>(entry.value)
  return record?.deleted === true ? undefined : record
}

/** A function that does not exist and one that the caller may not use look alike. */
export function noSuchFunction(functionId: string): Refusal {
  return new Refusal('not_found', `there is no function ${functionId} that the caller may use`, {
    hint: 'list_functions shows those that may be used',
    field: 'function_id',
  })
}

/** Covers what runs, not who may run it. */
function digestFunction({ name, executor, payload, arguments: args, inputs, outputs }: FunctionSpec): string {
  return digestJson({ name, executor, payload_digest: digestPayload(payload), arguments: args, inputs, outputs })
}

/**
 * The owner and an admin see all. Everyone may read what a public function runs; an allowlisted user learns how to call
 * a private one, and no more. The allowlist itself names other users.
 */
export function viewFunction(record: FunctionRecord, payload: Uint8Array, viewer: { sees_all: boolean }): FunctionView {
  const { quota, arguments: args, payload_digest } = record
  return {
    function_id: record.function_id,
    owner: record.owner,
    name: record.name,
    description: record.description,
    executor: record.executor,
    public: record.public,
    disabled: record.disabled,
    function_digest: record.function_digest,
    arguments: args,
    inputs: record.inputs,
    outputs: record.outputs,
    needs: record.needs,
    ...defined({ quota, payload_digest }),
    payload: viewer.sees_all || record.public ? payload : new Uint8Array(0),
    allowlist: viewer.sees_all ? record.allowlist : [],
  }
}

/** The users on the allowlist, organisations left out. */
export function allowedUsers({ allowlist }: Pick<FunctionRecord, 'allowlist'>): string[] {
  return allowlist.filter((entry) => !entry.startsWith('org:'))
}

function checkExecutor(spec: FunctionSpec): void {
  if (spec.executor !== 'builtin') {
    throw new Refusal('unsupported', `no worker here runs ${spec.executor} functions`, {
      hint: 'register a builtin function; builtin is the one executor so far',
      field: 'executor',
    })
  }
  if (!BUILTIN_NAMES.includes(spec.name)) {
    throw new Refusal('unsupported', `there is no builtin function ${spec.name}`, {
      hint: `use one of ${BUILTIN_NAMES.join(', ')}`,
      field: 'name',
    })
  }
  if (digestPayload(spec.payload) !== undefined)
    throw invalid('payload', 'a builtin function has no payload', 'leave the payload out')
}

function checkNames(field: string, names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw invalid(field, `${twice} is there twice`, 'give each a name of its own')
}

function invalid(field: string, text: string, hint: string): Refusal {
  return new Refusal('invalid_request', `${field}: ${text}`, { hint, field })
}
