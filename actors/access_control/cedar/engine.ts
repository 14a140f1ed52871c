/**
 * The door to the Cedar engine, a WebAssembly module. Optimised code of V8 11, as in Node 20, calls WebAssembly inline,
 * and ends the whole process when such code is given up while the engine is in the middle of a call. So these calls are
 * not inlined here; later versions are not harmed by being told the same.
 */
import { setFlagsFromString } from 'node:v8'

export {
  checkParseSchema,
  policySetTextToParts,
  policyToJson,
  preparsePolicySet,
  preparseSchema,
  schemaToJson,
  statefulIsAuthorized,
  validate,
} from '@cedar-policy/cedar-wasm/nodejs'
export type { DetailedError, PolicyJson, SchemaJson, StatefulAuthorizationCall } from '@cedar-policy/cedar-wasm/nodejs'

setFlagsFromString('--no-turbo-inline-js-wasm-calls')
