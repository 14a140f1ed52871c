/**
 * The texts of the files in docs/reference/, by name, made from the protocols without side effects. `npm run docs`
 * writes the files, and a test finds a file that is out of date.
 */
import { PROTOCOLS } from '../../messages/index.ts'
import type { Protocols } from '../services.ts'
import { apiPage } from './api_page.ts'
import { asyncapiDocument } from './asyncapi.ts'
import { foldedJson } from './folded_json.ts'
import type { MayCall } from './method_entry.ts'
import type { Reference } from './reference.ts'
import { makeReference } from './reference.ts'
import { servicesPage } from './services_page.ts'

/** @param protocols the protocols to describe; by default those of all built-in services */
export function referenceOf(mayCall: MayCall, protocols: Protocols = PROTOCOLS): Reference {
  return makeReference(Object.values(protocols), mayCall)
}

export function referenceFiles(reference: Reference): Readonly<Record<string, string>> {
  return {
    'api.md': apiPage(reference),
    'services.md': servicesPage(reference),
    'asyncapi.json': `${foldedJson(asyncapiDocument(reference))}\n`,
  }
}
