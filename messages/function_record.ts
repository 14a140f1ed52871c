/** Functions: what an owner registers, and what a caller may see of it. */
import { z } from 'zod'
import { bytes } from './bytes.ts'
import { functionId, userId } from './ids.ts'
import { PAYLOAD_BYTES_MAX } from './limits.ts'
import { fileTag, objectUrl, outputCrypto } from './stored_file.ts'

export const EXECUTORS = ['builtin', 'wasm', 'javascript', 'python'] as const
export const executor = z.enum(EXECUTORS)
export type Executor = z.infer<typeof executor>

/** The name of an argument or of a declared file. */
export const fieldName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'must be 1 to 64 letters, digits and _')
export const jsonValue: z.ZodType<JsonValue> = z.json()
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue }

export const functionArgument = z.strictObject({
  key: fieldName,
  default: jsonValue.optional(),
  overridable: z.boolean(),
})
export const functionInput = z.strictObject({
  name: fieldName,
  description: z.string().max(1000).default(''),
  optional: z.boolean().default(false),
})
export const functionOutput = functionInput

/** What a worker must offer beyond the executor. */
export const needs = z.strictObject({
  class: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,31}$/)
    .optional(),
})

/**
 * A payload that is too large for a message: encrypted as a file is, and put into the object store, by its owner. `digest`
 * is the SHA-256 of the payload itself.
 */
export const storedPayload = z.strictObject({
  url: objectUrl,
  crypto: outputCrypto,
  tag: fileTag,
  digest: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits'),
})
export type StoredPayload = z.infer<typeof storedPayload>

const inlinePayload = bytes(0, PAYLOAD_BYTES_MAX)

export const functionSpec = z.strictObject({
  name: z.string().min(1).max(128),
  description: z.string().max(4000).default(''),
  executor,
  public: z.boolean(),
  payload: z.union([inlinePayload, storedPayload]).default(() => new Uint8Array(0)),
  arguments: z.array(functionArgument).max(64).default([]),
  inputs: z.array(functionInput).max(64).default([]),
  outputs: z.array(functionOutput).max(64).default([]),
  allowlist: z.array(z.string().min(1).max(70)).max(1000).default([]),
  quota: z.int().min(0).optional(),
  needs: needs.default({}),
})
export type FunctionSpec = z.infer<typeof functionSpec>

/** How often a function was and may be used. */
export const functionUsage = z.strictObject({
  function_id: functionId,
  /** Absent: unlimited. */
  quota: z.int().min(0).optional(),
  /** Runs that were staged and not given back, over all versions. */
  runs: z.int().min(0),
})

/**
 * `function_digest` covers executor, name, payload, arguments, inputs and outputs: what runs, not who may run it. Of a
 * payload in the object store its digest is shown, and neither place nor key.
 */
export const functionView = functionSpec.extend({
  payload: inlinePayload,
  /** SHA-256 of the payload; absent for a function without one. */
  payload_digest: z.string().optional(),
  function_id: functionId,
  owner: userId,
  function_digest: z.string(),
  disabled: z.boolean(),
})
export type FunctionView = z.infer<typeof functionView>
