/**
 * The terms of a task: what its parties agree on. Pure: a function's record and a request become terms, and assigned
 * data becomes part of them. Whatever changes the terms changes their digest, and so voids what was approved.
 */
import type { DataRule, JsonValue, TaskOptions, TaskTerms, TermsFile } from '../../../messages/index.ts'
import { canonicalJson, defined, digestJson, Refusal, STANDARD_CLASS, toJsonValue } from '../../../messages/index.ts'
import type { FunctionRecord } from '../functions/stored_function.ts'

/** Arguments are shown to every party and travel to the worker beside a payload: together they must fit one letter. */
const ARGUMENTS_BYTES_MAX = 128 * 1024
/** Each party has an index entry in the commit that creates the task. */
const PARTIES_MAX = 32

type Declared = Readonly<Record<string, readonly string[]>>

export interface TermsRequest {
  arguments: Readonly<Record<string, JsonValue>>
  inputs: Declared
  outputs: Declared
  options: TaskOptions
}

/** A data record that an owner puts in the place of a declared file. */
export interface AssignedFile {
  kind: 'inputs' | 'outputs'
  name: string
  data_id: string
  owners: readonly string[]
  tag?: Uint8Array
  rule?: DataRule
}

export function digestTerms(terms: TaskTerms): string {
  return digestJson(toJsonValue(terms))
}

/** @throws Refusal `invalid_request` that names the argument, file or option that does not fit the function */
export function writeTerms(fn: FunctionRecord, request: TermsRequest): TaskTerms {
  return {
    function_id: fn.function_id,
    function_digest: fn.function_digest,
    executor: fn.executor,
    arguments: completeArguments(fn, request.arguments),
    inputs: declareFiles('inputs', fn.inputs, request.inputs),
    outputs: declareFiles('outputs', fn.outputs, request.outputs),
    options: { ...request.options, needs: { class: chooseClass(fn.needs.class, request.options.needs.class) } },
  }
}

/** Creator, owners of every declared file, and the owner of a private function; sorted, each once. */
export function partiesOf(creator: string, fn: Pick<FunctionRecord, 'owner' | 'public'>, terms: TaskTerms): string[] {
  const parties = new Set([creator, ...[...terms.inputs, ...terms.outputs].flatMap((file) => file.owners)])
  if (!fn.public) parties.add(fn.owner)
  if (parties.size > PARTIES_MAX) {
    throw new Refusal('invalid_request', `the task would have ${parties.size} parties, more than ${PARTIES_MAX}`, {
      hint: 'declare fewer owners',
      field: 'inputs',
    })
  }
  return [...parties].sort()
}

export function findFile(terms: TaskTerms, kind: 'inputs' | 'outputs', name: string): TermsFile | undefined {
  return terms[kind].find((file) => file.name === name)
}

export function unassignedFiles(terms: TaskTerms): TermsFile[] {
  return [...terms.inputs, ...terms.outputs].filter((file) => file.data_id === undefined)
}

/** The terms with the data in its places; the places were checked before. */
export function withAssigned(terms: TaskTerms, files: readonly AssignedFile[]): TaskTerms {
  const place = (kind: AssignedFile['kind']) =>
    terms[kind].map((declared) => {
      const file = files.find((other) => other.kind === kind && other.name === declared.name)
      if (file === undefined) return declared
      const { data_id, tag, rule } = file
      return { ...declared, data_id, ...defined({ tag, rule }) }
    })
  return { ...terms, inputs: place('inputs'), outputs: place('outputs') }
}

/** True when the terms say all that the request says; what it leaves to the function may differ. */
export function holdsRequest(terms: TaskTerms, request: TermsRequest): boolean {
  const has = (files: readonly TermsFile[], given: Declared) =>
    digestJson(files.map(({ name, owners }) => [name, owners])) ===
    digestJson(listFiles(given).map(({ name, owners }) => [name, owners]))
  const { needs, ...options } = request.options
  const { needs: termsNeeds, ...termsOptions } = terms.options
  return (
    Object.entries(request.arguments).every(
      ([key, value]) =>
        Object.hasOwn(terms.arguments, key) && canonicalJson(terms.arguments[key]) === canonicalJson(value),
    ) &&
    has(terms.inputs, request.inputs) &&
    has(terms.outputs, request.outputs) &&
    digestJson(termsOptions) === digestJson(options) &&
    (needs.class === undefined || needs.class === termsNeeds.class)
  )
}

function completeArguments(fn: FunctionRecord, given: TermsRequest['arguments']): Record<string, JsonValue> {
  for (const key of Object.keys(given)) {
    const argument = fn.arguments.find((other) => other.key === key)
    if (argument === undefined) throw unfit(`arguments.${key}`, `the function ${fn.name} has no argument ${key}`)
    if (!argument.overridable) throw unfit(`arguments.${key}`, `the argument ${key} of ${fn.name} is fixed`)
  }
  const values = fn.arguments.map((argument): [string, JsonValue] => {
    const value = Object.hasOwn(given, argument.key) ? given[argument.key] : argument.default
    if (value === undefined) throw unfit(`arguments.${argument.key}`, `the argument ${argument.key} needs a value`)
    return [argument.key, value]
  })
  // fromEntries defines each key as the object's own; assigning would let a key named __proto__ vanish.
  const complete = Object.fromEntries(values)
  const bytes = Buffer.byteLength(canonicalJson(complete))
  if (bytes > ARGUMENTS_BYTES_MAX) {
    throw new Refusal('too_large', `the arguments take ${bytes} bytes, more than ${ARGUMENTS_BYTES_MAX}`, {
      hint: 'hand in large values as an input file',
      field: 'arguments',
    })
  }
  return complete
}

function declareFiles(kind: 'inputs' | 'outputs', declared: FunctionRecord['inputs'], given: Declared): TermsFile[] {
  for (const name of Object.keys(given)) {
    if (!declared.some((file) => file.name === name)) throw unfit(`${kind}.${name}`, `the function has no such file`)
  }
  for (const file of declared) {
    if (!file.optional && !Object.hasOwn(given, file.name)) {
      throw unfit(`${kind}.${file.name}`, `the file ${file.name} is needed; declare who owns it`)
    }
  }
  return listFiles(given)
}

function listFiles(given: Declared): TermsFile[] {
  return Object.entries(given)
    .map(([name, owners]) => ({ name, owners: [...new Set(owners)].sort() }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** A task may ask for a class where its function asks for none; where the function does, it may ask for no other. */
function chooseClass(ofFunction: string | undefined, ofTask: string | undefined): string {
  if (ofFunction !== undefined && ofTask !== undefined && ofFunction !== ofTask) {
    throw unfit('options.needs.class', `the function runs on workers of class ${ofFunction} only`)
  }
  return ofFunction ?? ofTask ?? STANDARD_CLASS
}

function unfit(field: string, text: string): Refusal {
  return new Refusal('invalid_request', `${field}: ${text}`, { hint: 'see get_function for what it takes', field })
}

/** The terms as they were before any data was assigned. */
export function withoutData(terms: TaskTerms): TaskTerms {
  const strip = (files: readonly TermsFile[]) => files.map(({ name, owners }) => ({ name, owners }))
  return { ...terms, inputs: strip(terms.inputs), outputs: strip(terms.outputs) }
}
