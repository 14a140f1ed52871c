import { beforeEach, describe, expect, test } from 'vitest'
import {
  ENDORSEMENT_NONCE,
  generateKeys,
  generateSigningKey,
  importSealingKey,
  manifestDigest,
  passportDigest,
  verifyCoordinator,
  verifyPassport,
  parseManifest,
} from '../../../attestation/index.ts'
import { MemoryRegister } from '../../../runtime/index.ts'
import { AuthorityScene, measurementOf, MINUTE, PASSPORT_MS, refused } from './authority_scene.ts'

let scene: AuthorityScene
beforeEach(() => {
  scene = new AuthorityScene()
})

describe('an admission', () => {
  test('is a passport, the private keys of the own group, and the public ones of all', async () => {
    const authority = await scene.open()
    const { applicant, admission } = await scene.admit(authority, 'desk')
    const passport = await verifyPassport(
      admission.passport,
      authority.issuerKey,
      authority.manifest,
      scene.clock.now(),
    )
    expect(passport).toMatchObject({ member: 'desk-1', role: 'desk', measurement: measurementOf('desk') })
    expect(Buffer.from(passport.signingKey)).toEqual(Buffer.from(applicant.signingKey))
    expect(admission.expiresAtMs).toBe(scene.clock.now() + PASSPORT_MS)
    expect(admission.keys.map(({ group }) => group)).toEqual(['desk'])
    for (const { private_key, public_key } of admission.keys) {
      expect(Buffer.from(importSealingKey(private_key).publicKey)).toEqual(Buffer.from(public_key))
    }
    expect(admission.directory).toEqual(authority.directory())
    expect(await scene.passports.byMember('desk-1')).toBe(admission.passport)
    expect(await scene.passports.byDigest(passportDigest(admission.passport).toString('hex'))).toBe(admission.passport)
  })

  test('brings the storage key to storage, and to nobody else', async () => {
    const authority = await scene.open()
    const { admission } = await scene.admit(authority, 'storage')
    expect(admission.secrets['storage_key']).toHaveLength(32)
    for (const role of ['desk', 'coordinator']) {
      expect((await scene.admit(authority, role)).admission.secrets).toEqual({})
    }
    const worker = await scene.admit(authority, 'execution', { workerClass: 'standard' })
    expect(worker.admission.secrets).toEqual({})
    expect(worker.admission.keys.map(({ group }) => group)).toEqual(['execution-standard'])
  })

  test('brings the audit key to who writes the log, as the authority has it', async () => {
    const auditors = ['authentication', 'frontend', 'management', 'access_control']
    scene.manifestText = scene.manifestNamed('one', auditors)
    const authority = await scene.open()
    const keys = new Set<string>()
    for (const role of auditors) {
      const { secrets } = (await scene.admit(authority, role)).admission
      expect(Object.keys(secrets)).toEqual(['audit_key'])
      keys.add(Buffer.from(secrets['audit_key'] ?? []).toString('hex'))
    }
    expect([keys.size, [...keys][0]?.length]).toEqual([1, 64])
  })

  test('carries the proof that receipts need', async () => {
    const authority = await scene.open()
    const { admission } = await scene.admit(authority, 'desk')
    verifyCoordinator(
      admission.endorsement,
      {
        issuerKey: authority.issuerKey,
        nonce: ENDORSEMENT_NONCE,
        manifestDigest: manifestDigest(scene.manifestText),
        statement: {},
      },
      parseManifest(scene.manifestText),
    )
  })

  test('is refused with every reason', async () => {
    const authority = await scene.open()
    const device = scene.deviceOf('desk', scene.root, 'ab'.repeat(32))
    await expect(scene.admit(authority, 'desk', { device, workerClass: 'standard' })).rejects.toThrow(
      refused('platform_untrusted', 'desk-1'),
    )
  })
})

describe('nobody is admitted', () => {
  test('with evidence of another scene.root, of other code, or of another role', async () => {
    const authority = await scene.open()
    for (const device of [
      scene.deviceOf('desk', generateSigningKey()),
      scene.deviceOf('desk', scene.root, 'ab'.repeat(32)),
      scene.deviceOf('storage'),
    ]) {
      await expect(scene.admit(authority, 'desk', { device })).rejects.toThrow(refused('platform_untrusted'))
    }
    expect(scene.passports.entries.size).toBe(0)
  })

  test('for a class that the manifest does not list, or a role that it has not', async () => {
    const authority = await scene.open()
    await expect(scene.admit(authority, 'execution', { workerClass: 'special' })).rejects.toThrow(
      refused('platform_untrusted', 'special'),
    )
    await expect(scene.admit(authority, 'frontend')).rejects.toThrow(refused('platform_untrusted', 'no role'))
  })

  test.each<[string, (a: Awaited<ReturnType<AuthorityScene['admit']>>['applicant']) => object]>([
    ['another signing key', () => ({ signingKey: generateKeys().signingKey.publicKey })],
    ['another sealing key', () => ({ sealingKey: generateKeys().sealingKey.publicKey })],
    ['another name', () => ({ member: 'desk-2' })],
    ['evidence of another platform', ({ evidence }) => ({ evidence: { ...evidence, platform: 'tdx' } })],
    ['evidence that is cut off', ({ evidence }) => ({ evidence: { ...evidence, bytes: evidence.bytes.subarray(1) } })],
  ])('with the evidence of somebody else: %s', async (_what, change) => {
    const authority = await scene.open()
    const { applicant } = await scene.admit(authority, 'desk')
    await authority.admit(applicant)
    await expect(authority.admit({ ...applicant, ...change(applicant) })).rejects.toThrow(refused('platform_untrusted'))
  })

  test('with the evidence of another time', async () => {
    const authority = await scene.open()
    const { applicant } = await scene.admit(authority, 'desk')
    await expect(authority.admit({ ...applicant, nonce: authority.makeNonce() })).rejects.toThrow(
      refused('platform_untrusted'),
    )
    scene.clock.advance(MINUTE)
    await expect(authority.admit(applicant)).rejects.toThrow(refused('expired', 'nonce'))
  })

  test('with a nonce of its own making', async () => {
    const authority = await scene.open()
    const real = Buffer.from(authority.makeNonce())
    const changed = (at: number) => {
      const nonce = Buffer.from(real)
      nonce[at]! ^= 1
      return nonce
    }
    for (let at = 0; at < real.length; at += 1) {
      await expect(scene.admit(authority, 'desk', { nonce: changed(at) }), `byte ${at}`).rejects.toThrow(
        refused('expired'),
      )
    }
    for (const nonce of [
      new Uint8Array(0),
      Buffer.alloc(32),
      real.subarray(0, 31),
      Buffer.concat([real, Buffer.alloc(1)]),
    ]) {
      await expect(scene.admit(authority, 'desk', { nonce })).rejects.toThrow(refused('expired'))
    }
    const stranger = await scene.open({ register: new MemoryRegister() })
    await expect(scene.admit(authority, 'desk', { nonce: stranger.makeNonce() })).rejects.toThrow(refused('expired'))
  })

  test.each(['', 'a b', 'a.b', '>', 'a\n', '../x', 'x'.repeat(81)])('under a name that is none: %j', async (member) => {
    const authority = await scene.open()
    await expect(scene.admit(authority, 'desk', { member })).rejects.toThrow(refused('invalid_request'))
  })
})

test('a nonce of one coordinator is good at another, for a minute', async () => {
  const [one, two] = [await scene.open(), await scene.open()]
  const nonce = one.makeNonce()
  scene.clock.advance(MINUTE - 1)
  await scene.admit(two, 'desk', { nonce })
})
