import { describe, expect, test } from 'vitest'
import type { KeyPair, Passport } from '../../../attestation/index.ts'
import {
  generateKeys,
  generateSigningKey,
  passportDigest,
  signReceipt,
  verifyReceipt,
} from '../../../attestation/index.ts'
import { NOW_MS, passportOf, samplePlatform } from '../sample_platform.ts'

const platform = samplePlatform()
const { issuerKey, manifestText } = platform

const digest = (letter: string) => letter.repeat(64)
const claims = {
  task_id: 'task-1',
  terms_digest: digest('a'),
  function_digest: digest('b'),
  inputs: { data: 'AAAAAAAAAAAAAAAAAAAAAA==' },
  outputs: { report: 'BBBBBBBBBBBBBBBBBBBBBB==' },
  result_digest: digest('c'),
  attempt: 1,
  token: '7.1',
  started_at: NOW_MS + 1_000,
  finished_at: NOW_MS + 2_000,
}

interface Making {
  passport?: Partial<Passport>
  role?: string
  issuer?: KeyPair
  signer?: KeyPair
  endorsement?: { platform: string; bytes: Uint8Array }
  claims?: object
}

async function makeReceipt(making: Making = {}): Promise<string> {
  const keys = generateKeys()
  const passport = await platform.issue(passportOf(making.role ?? 'execution', making.passport, keys), making.issuer)
  return signReceipt(
    {
      signingKey: making.signer ?? keys.signingKey,
      passport,
      issuerKey: issuerKey.publicKey,
      endorsement: making.endorsement ?? (await platform.endorse()),
    },
    { ...claims, ...making.claims },
  )
}

/** The bundle with some of its parts exchanged. */
const exchange = (bundle: string, parts: object) => JSON.stringify({ ...(JSON.parse(bundle) as object), ...parts })
const parts = (bundle: string) =>
  JSON.parse(bundle) as { receipt: string; passport: string; endorsement: { bytes: string } }
const invalid = (reason = '') =>
  expect.objectContaining({ code: 'receipt_invalid', message: expect.stringContaining(reason) })

describe('a receipt', () => {
  test('proves what ran, what came out, and on what', async () => {
    const bundle = await makeReceipt()
    const verified = await verifyReceipt(bundle, manifestText)
    expect(verified.claims).toEqual({
      ...claims,
      passport_digest: passportDigest(parts(bundle).passport).toString('hex'),
    })
    expect(verified.worker).toMatchObject({ member: 'execution-1', platform: 'simulated', workerClass: 'standard' })
  })

  test('holds long after the passport of its worker has ended', async () => {
    await verifyReceipt(await makeReceipt({ passport: { expiresAtMs: NOW_MS + 3_000 } }), manifestText)
  })

  test('is not made of claims that are incomplete', async () => {
    await expect(makeReceipt({ claims: { result_digest: 'none' } })).rejects.toThrow('result_digest')
  })
})

describe('a receipt is refused', () => {
  test.each(Object.keys({ ...claims, passport_digest: '' }))('with another %s than was signed', async (claim) => {
    const bundle = await makeReceipt()
    const [header, payload, signature] = parts(bundle).receipt.split('.') as [string, string, string]
    const signed = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
    const value = signed[claim]
    const changed = typeof value === 'number' ? value + 1 : typeof value === 'string' ? value.replace(/^./, 'd') : {}
    const other = Buffer.from(JSON.stringify({ ...signed, [claim]: changed })).toString('base64url')
    await expect(
      verifyReceipt(exchange(bundle, { receipt: `${header}.${other}.${signature}` }), manifestText),
    ).rejects.toThrow(invalid())
  })

  test("with another worker's passport", async () => {
    const [one, two] = [await makeReceipt(), await makeReceipt()]
    const mixed = exchange(one, { passport: parts(two).passport })
    await expect(verifyReceipt(mixed, manifestText)).rejects.toThrow(invalid('names another passport'))
  })

  test('signed by another key than that of its passport', async () => {
    const bundle = await makeReceipt({ signer: generateSigningKey() })
    await expect(verifyReceipt(bundle, manifestText)).rejects.toThrow(invalid('signature'))
  })

  test('with a passport by another issuer', async () => {
    const bundle = await makeReceipt({ issuer: generateSigningKey() })
    await expect(verifyReceipt(bundle, manifestText)).rejects.toThrow(invalid('no passport that this manifest accepts'))
  })

  test('by a member that is no worker', async () => {
    const bundle = await makeReceipt({ role: 'echo' })
    await expect(verifyReceipt(bundle, manifestText)).rejects.toThrow(invalid('not signed by a worker'))
  })

  test('of a run that finished after the passport had ended', async () => {
    const bundle = await makeReceipt({ claims: { finished_at: NOW_MS + 600_000 + 6_000 } })
    await expect(verifyReceipt(bundle, manifestText)).rejects.toThrow(invalid('at that time'))
  })

  test('of a measurement that the manifest does not list', async () => {
    const bundle = await makeReceipt({ passport: { measurement: 'ee'.repeat(32) } })
    await expect(verifyReceipt(bundle, manifestText)).rejects.toThrow(invalid('no passport that this manifest accepts'))
  })

  test('with data behind it, inside it or around it', async () => {
    const bundle = await makeReceipt()
    const { receipt, passport } = parts(bundle)
    for (const changed of [
      `${bundle}{}`,
      exchange(bundle, { more: 1 }),
      exchange(bundle, { receipt: `${receipt}.more` }),
      exchange(bundle, { receipt: `${receipt}A` }),
      exchange(bundle, { passport: `${passport}A` }),
      exchange(bundle, { receipt: '' }),
      '',
      'null',
    ]) {
      await expect(verifyReceipt(changed, manifestText), changed.slice(-40)).rejects.toThrow(invalid())
    }
  })

  test('as another kind of token', async () => {
    const bundle = await makeReceipt()
    const [, payload, signature] = parts(bundle).receipt.split('.')
    const header = Buffer.from(JSON.stringify({ alg: 'EdDSA', typ: 'JWT' })).toString('base64url')
    const other = exchange(bundle, { receipt: `${header}.${payload}.${signature}` })
    await expect(verifyReceipt(other, manifestText)).rejects.toThrow(invalid('cannot be read'))
  })
})

describe('the platform behind a receipt is not trusted', () => {
  const untrusted = expect.objectContaining({ code: 'platform_untrusted' })

  test("when the endorsement is of another coordinator's key", async () => {
    const bundle = await makeReceipt({ endorsement: await platform.endorse(generateSigningKey()) })
    await expect(verifyReceipt(bundle, manifestText)).rejects.toThrow(untrusted)
  })

  test('when the issuer key is exchanged together with the passport', async () => {
    const issuer = generateSigningKey()
    const bundle = exchange(await makeReceipt({ issuer }), {
      issuer_key: Buffer.from(issuer.publicKey).toString('base64url'),
    })
    await expect(verifyReceipt(bundle, manifestText)).rejects.toThrow(untrusted)
  })

  test('when the endorsement is of other code', async () => {
    const bundle = await makeReceipt({ endorsement: await platform.endorse(issuerKey, 'ab'.repeat(32)) })
    await expect(verifyReceipt(bundle, manifestText)).rejects.toThrow(untrusted)
  })

  test('under another manifest than the one the coordinator worked by', async () => {
    await expect(verifyReceipt(await makeReceipt(), `${manifestText} `)).rejects.toThrow(untrusted)
    await expect(verifyReceipt(await makeReceipt(), samplePlatform().manifestText)).rejects.toThrow(untrusted)
  })
})
