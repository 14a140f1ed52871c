import { Command } from 'commander'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { expect, test, vi } from 'vitest'
import { z } from 'zod'
import type { EvidencePlatform } from '../../../../attestation/trust/platforms/evidence_platform.ts'
import type * as Registry from '../../../../attestation/trust/platforms/registry.ts'
import {
  coordinatorReportData,
  ENDORSEMENT_NONCE,
  generateKeys,
  generateSigningKey,
  issuePassport,
  manifestDigest,
  parseManifest,
  PLATFORMS,
  signReceipt,
  verifyEvidence,
} from '../../../../attestation/index.ts'
import { addReceiptCommands } from '../../../../client/cli/commands/receipt_commands.ts'
import type { PartyContext } from '../../../../client/cli/platform/party.ts'
import { pack, Refusal, unpack } from '../../../../messages/index.ts'
import { temporaryFolder } from '../../../support/temporary_folder.ts'
import { measurementOf, NOW_MS, passportOf } from '../../sample_platform.ts'

/** A platform as a folder of its own would describe it: its evidence is a word that the manifest names, and a claim. */
const spoken = vi.hoisted(() => ({
  name: 'spoken',
  ear: { status: 'affirming' as const, hardware: 2 },
  caveat: 'whoever knows the word is believed',
}))

vi.mock('../../../../attestation/trust/platforms/registry.ts', async (original) => {
  const { PLATFORMS: known } = await original<typeof Registry>()
  const added: EvidencePlatform = {
    ...spoken,
    manifestEntry: z.object({ word: z.string().min(4) }).catchall(z.string()),
    verify: (bytes, { word }) => {
      const [said, measurement, reportData] = unpack(bytes, 8192) as [string, string, Uint8Array]
      if (said !== word) throw new Refusal('platform_untrusted', 'another word was said')
      return { platform: spoken.name, measurement, reportData, issuedAtMs: NOW_MS, debug: false }
    },
  }
  return { PLATFORMS: new Map([...known, [added.name, added]]) }
})

const role = (name: string, more: object = {}) => [{ platform: 'spoken', measurement: measurementOf(name), ...more }]
const manifestWith = (entry: object) =>
  JSON.stringify({
    apiVersion: 'v1',
    name: 'spoken',
    platforms: { spoken: entry },
    roles: { coordinator: role('coordinator'), execution: role('execution', { classes: ['standard'] }) },
  })
const manifestText = manifestWith({ word: 'sesame' })
const manifest = parseManifest(manifestText)
const evidenceOf = (service: string, reportData: Uint8Array, word = 'sesame') => ({
  platform: 'spoken',
  bytes: pack([word, measurementOf(service), reportData]),
})
const issuerKey = generateSigningKey()

function contextWith(manifest: string, homeFolder: string, heard: (lines: readonly string[]) => void): PartyContext {
  return {
    output: { json: false, result: (_document, lines) => heard(lines), say: () => {}, progress: () => () => {} },
    options: { manifest },
    environment: {},
    homeFolder,
    readPassword: () => Promise.reject(new Error('nobody is asked for a password')),
    signal: AbortSignal.abort(),
  }
}

test('the registry has each platform under its own name', () => {
  expect([...PLATFORMS].map(([name, platform]) => [name, platform.name])).toEqual([
    ['simulated', 'simulated'],
    ['spoken', 'spoken'],
  ])
})

test('evidence of an added platform is verified by it, and by what the manifest says of it', () => {
  const reportData = Buffer.alloc(64, 7)
  const claims = verifyEvidence(evidenceOf('execution', reportData), manifest.platforms)
  expect(claims).toMatchObject({ platform: 'spoken', measurement: measurementOf('execution') })
  expect(() => verifyEvidence(evidenceOf('execution', reportData, 'rye'), manifest.platforms)).toThrow(
    expect.objectContaining({ code: 'platform_untrusted' }),
  )
})

test('a manifest with an entry of another shape than the platform has is refused, and the field is named', () => {
  expect(() => parseManifest(manifestWith({ word: 'rye' }))).toThrow(
    expect.objectContaining({ code: 'invalid_request', field: 'platforms.spoken.word' }),
  )
  const simulated = JSON.stringify({ ...manifest, platforms: { simulated: { other: 'any' } } })
  expect(() => parseManifest(simulated)).toThrow(
    expect.objectContaining({ code: 'invalid_request', field: 'platforms.simulated.root' }),
  )
})

test('a passport says of a member what its platform says', async () => {
  const earOf = async (platform: string) => {
    const jws = await issuePassport(issuerKey, passportOf('execution', { platform }), 'digest', 'passport-1')
    const { ear_status, submods } = decodeJwt<{
      ear_status: string
      submods: Record<string, { ear_trustworthiness_vector: { hardware: number } }>
    }>(jws)
    return { status: ear_status, hardware: submods['execution-1']?.ear_trustworthiness_vector.hardware }
  }
  expect(await earOf('spoken')).toEqual(spoken.ear)
  expect(await earOf('simulated')).toEqual({ status: 'warning', hardware: 32 })
  // Nobody knows what an unknown platform is worth.
  expect(await earOf('unheard')).toMatchObject({ status: 'warning' })
})

test('the command that verifies a receipt tells what evidence of the platform does not prove', async () => {
  await using folder = await temporaryFolder()
  const keys = generateKeys()
  const member = passportOf('execution', { platform: 'spoken' }, keys)
  const digest = manifestDigest(manifestText)
  const statement = { issuerKey: issuerKey.publicKey, nonce: ENDORSEMENT_NONCE, manifestDigest: digest, statement: {} }
  const receipt = await signReceipt(
    {
      signingKey: keys.signingKey,
      passport: await issuePassport(issuerKey, member, digest, 'passport-1'),
      issuerKey: issuerKey.publicKey,
      endorsement: evidenceOf('coordinator', coordinatorReportData(statement)),
    },
    {
      task_id: 'task-1',
      terms_digest: 'a'.repeat(64),
      function_digest: 'b'.repeat(64),
      inputs: {},
      outputs: {},
      result_digest: 'c'.repeat(64),
      attempt: 1,
      token: '7.1',
      started_at: NOW_MS + 1_000,
      finished_at: NOW_MS + 2_000,
    },
  )
  const [receiptPath, manifestPath] = [join(folder.path, 'receipt.json'), join(folder.path, 'manifest.json')]
  await writeFile(receiptPath, receipt)
  await writeFile(manifestPath, manifestText)
  const said: string[] = []
  const context = contextWith(manifestPath, folder.path, (lines) => said.push(...lines))
  const program = new Command()
  addReceiptCommands(program, () => context)
  await program.parseAsync(['receipt', 'verify', receiptPath], { from: 'user' })
  expect(said).toContain('  on platform spoken, measurement ' + measurementOf('execution'))
  expect(said.at(-1)).toBe(`  ${spoken.caveat}`)
})
