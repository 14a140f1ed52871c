/**
 * The manifest says which measurement, on which platform, may play which role. It is public, and every party pins it: a
 * deployment is trusted exactly as far as its manifest says.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { parseBy, Refusal } from '../../messages/index.ts'
import { PLATFORMS } from './platforms/registry.ts'

const hexDigest = z.string().regex(/^[0-9a-f]{64,128}$/)

const referenceValue = z.strictObject({
  platform: z.string(),
  measurement: hexDigest,
  /** For execution: the worker classes that this measurement may serve. */
  classes: z.array(z.string()).optional(),
})

/** Each platform checks the shape of its own entry. An entry of a platform that is not known here serves nobody. */
const platforms = z.record(z.string(), z.record(z.string(), z.string())).superRefine((entries, context) => {
  for (const [name, entry] of Object.entries(entries)) {
    const issues = PLATFORMS.get(name)?.manifestEntry.safeParse(entry).error?.issues ?? []
    for (const { message, path } of issues) context.addIssue({ code: 'custom', message, path: [name, ...path] })
  }
})

const manifestSchema = z.strictObject({
  apiVersion: z.literal('v1'),
  name: z.string().max(128),
  /** Per evidence platform, what its verifier trusts. Platforms that are not named here are refused. */
  platforms,
  roles: z.record(z.string(), z.array(referenceValue).min(1)),
})

export type Manifest = z.infer<typeof manifestSchema>
export type ReferenceValue = z.infer<typeof referenceValue>

export function parseManifest(text: string): Manifest {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new Refusal('malformed', 'the manifest is not JSON', {
      cause,
      hint: 'take the manifest as the operator gave it',
    })
  }
  return parseBy(manifestSchema, value, 'manifest')
}

/** SHA-256 over the text as it stands, 64 hex digits: what a party pins. */
export function manifestDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
