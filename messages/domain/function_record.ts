/**
 * Functions as they travel: what an owner registers, and what a caller may see of it. How management keeps them, and
 * who may use one, is `actors/management/functions/function_record.ts`.
 */
import { z } from 'zod'
import { bytes } from '../bytes.ts'
import { functionId, userId } from '../ids.ts'
import { PAYLOAD_BYTES_MAX } from '../limits.ts'
import { fileTag, objectUrl, outputCrypto } from './stored_file.ts'

export const EXECUTORS = ['builtin', 'wasm', 'javascript', 'python'] as const
export const executor = z.enum(EXECUTORS).meta({ description: 'What runs the function.', examples: ['builtin'] })
export type Executor = z.infer<typeof executor>

export const fieldName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'must be 1 to 64 letters, digits and _')
  .meta({ description: 'The name of an argument or of a declared file.', examples: ['input_data1'] })
export const jsonValue: z.ZodType<JsonValue> = z.json()
/** Any value that JSON can say. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue }

export const functionArgument = z.strictObject({
  key: fieldName.describe('The name of the argument.'),
  default: jsonValue.optional().describe('Its value where a task gives none; absent: a task must give one.'),
  overridable: z.boolean().describe('Whether a task may give a value of its own.'),
})
export const functionInput = z.strictObject({
  name: fieldName.describe('The name of the file.'),
  description: z.string().max(1000).default('').describe('What it is, for people.'),
  optional: z.boolean().default(false).describe('Whether a task may do without it.'),
})
export const functionOutput = functionInput

/** What a worker must offer beyond the executor. */
export const needs = z.strictObject({
  class: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,31}$/)
    .optional()
    .describe('A class of workers; absent: `standard`.'),
})

/** A payload that is too large for a message: encrypted as a file is, and put into the object store, by its owner. */
export const storedPayload = z.strictObject({
  url: objectUrl,
  crypto: outputCrypto,
  tag: fileTag,
  digest: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits')
    .describe('SHA-256 of the payload itself, hex.'),
})
/** A payload in the object store: where it is, and what opens and pins it. */
export type StoredPayload = z.infer<typeof storedPayload>

const inlinePayload = bytes(0, PAYLOAD_BYTES_MAX)

export const functionSpec = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(128)
    .meta({ description: 'For a built-in function its name; else any.', examples: ['builtin-echo'] }),
  description: z.string().max(4000).default('').describe('What it does, for people.'),
  executor,
  public: z.boolean().describe('Whether every user may use it; else the owner and the allowlist.'),
  payload: z
    .union([inlinePayload, storedPayload])
    .default(() => new Uint8Array(0))
    .describe('The code, or where it lies in the object store; empty for a built-in.'),
  arguments: z.array(functionArgument).max(64).default([]).describe('The arguments that it takes.'),
  inputs: z.array(functionInput).max(64).default([]).describe('The files that it reads.'),
  outputs: z.array(functionOutput).max(64).default([]).describe('The files that it writes.'),
  allowlist: z
    .array(z.string().min(1).max(70))
    .max(1000)
    .default([])
    .describe('Who may use it when it is not public: users, and organisations as `org:<attribute>`.'),
  quota: z.int().min(0).optional().describe('How many runs it may have in all; absent: any number.'),
  needs: needs.default({}).describe('What a worker must offer beyond the executor.'),
})
/** A function as its owner registers it. */
export type FunctionSpec = z.infer<typeof functionSpec>

/** How often a function was and may be used. */
export const functionUsage = z.strictObject({
  function_id: functionId,
  quota: z.int().min(0).optional().describe('How many runs it may have in all; absent: any number.'),
  runs: z.int().min(0).describe('Runs that were staged and not given back, over all versions.'),
})

/**
 * `function_digest` covers executor, name, payload, arguments, inputs and outputs: what runs, not who may run it. Of a
 * payload in the object store its digest is shown, and neither place nor key.
 */
export const functionView = functionSpec.extend({
  payload: inlinePayload.describe('The code; empty for a built-in, and where it lies in the object store.'),
  payload_digest: z.string().optional().describe('SHA-256 of the payload, hex; absent for a function without one.'),
  function_id: functionId,
  owner: userId,
  function_digest: z.string().describe('SHA-256, hex, over what runs: all but who may run it, and how often.'),
  disabled: z.boolean().describe('Whether no further task may use it.'),
})
/** A function as a user sees it; `payload` and `allowlist` only for its owner. */
export type FunctionView = z.infer<typeof functionView>
