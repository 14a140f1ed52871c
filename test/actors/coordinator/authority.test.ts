import { beforeEach, describe, expect, test } from 'vitest'
import { Authority } from '../../../actors/coordinator/index.ts'
import type { AuthorityOptions } from '../../../actors/coordinator/index.ts'
import type { KeyPair, MemberKeys } from '../../../attestation/index.ts'
import {
  coordinatorReportData,
  createSimulatedDevice,
  ENDORSEMENT_NONCE,
  generateKeys,
  generateSigningKey,
  importSealingKey,
  manifestDigest,
  memberReportData,
  passportDigest,
  toBase64url,
  verifyCoordinator,
  verifyPassport,
  parseManifest,
} from '../../../attestation/index.ts'
import type { PassportBucket, Register } from '../../../runtime/index.ts'
import { ManualClock, MemoryRegister } from '../../../runtime/index.ts'

const MINUTE = 60_000
const PASSPORT_MS = 10 * MINUTE
const times = { epochMs: 60 * MINUTE, overlapMs: 20 * MINUTE, postMs: 7 * 24 * 60 * MINUTE, leadMs: PASSPORT_MS }
const measurementOf = (role: string) => Buffer.from(role).toString('hex').padEnd(64, '0')

/** Passports in a map: what the bucket of the broker holds, and may be made to hold. */
function memoryBucket(): PassportBucket & { entries: Map<string, string> } {
  const entries = new Map<string, string>()
  return {
    entries,
    byDigest: (digest) => Promise.resolve(entries.get(`digest.${digest}`)),
    byMember: (member) => Promise.resolve(entries.get(`member.${member}`)),
    put(member, digest, jws) {
      entries.set(`digest.${digest}`, jws).set(`member.${member}`, jws)
      return Promise.resolve()
    },
    all: () => Promise.resolve([...entries].filter(([key]) => key.startsWith('member.')).map(([, jws]) => jws)),
  }
}

describe('the authority', () => {
  let root: KeyPair
  let clock: ManualClock
  let register: MemoryRegister
  let passports: ReturnType<typeof memoryBucket>
  let manifestText: string

  beforeEach(() => {
    root = generateSigningKey()
    clock = new ManualClock()
    register = new MemoryRegister()
    passports = memoryBucket()
    manifestText = manifestNamed('one')
  })

  function manifestNamed(name: string, more: readonly string[] = []): string {
    const reference = (role: string, classes: object = {}) => [
      { platform: 'simulated', measurement: measurementOf(role), ...classes },
    ]
    return JSON.stringify({
      apiVersion: 'v1',
      name,
      platforms: { simulated: { root: toBase64url(root.publicKey) } },
      roles: {
        coordinator: reference('coordinator'),
        desk: reference('desk'),
        storage: reference('storage'),
        ...Object.fromEntries(more.map((role) => [role, reference(role)])),
        execution: reference('execution', { classes: ['standard'] }),
      },
    })
  }
  const deviceOf = (role: string, key = root, measurement = measurementOf(role)) =>
    createSimulatedDevice(key, role, measurement, () => clock.now())

  async function open(more: Partial<AuthorityOptions> = {}): Promise<Authority> {
    const device = deviceOf('coordinator')
    return Authority.open({
      register,
      passports,
      sealingKey: await device.sealingKey(),
      manifestText,
      attest: (reportData) => device.attest(reportData),
      clock,
      passportMs: PASSPORT_MS,
      times,
      ...more,
    })
  }

  /** Has a member admitted, with evidence as its device gives it. */
  async function admit(
    authority: Authority,
    role: string,
    more: {
      member?: string
      workerClass?: string
      nonce?: Uint8Array
      keys?: MemberKeys
      device?: ReturnType<typeof deviceOf>
    } = {},
  ) {
    const keys = more.keys ?? generateKeys()
    const applicant = {
      role,
      member: more.member ?? `${role}-1`,
      workerClass: more.workerClass,
      signingKey: keys.signingKey.publicKey,
      sealingKey: keys.sealingKey.publicKey,
      nonce: more.nonce ?? authority.makeNonce(),
    }
    const evidence = await (more.device ?? deviceOf(role)).attest(memberReportData(applicant))
    return { applicant: { ...applicant, evidence }, admission: await authority.admit({ ...applicant, evidence }) }
  }

  const refused = (code: string, text = '') => expect.objectContaining({ code, message: expect.stringContaining(text) })
  const latestOf = (authority: Authority, group: string) =>
    authority
      .directory()
      .filter((key) => key.group === group)
      .at(-1)!

  describe('when it opens', () => {
    test('makes a state where there is none, and finds it again after a restart', async () => {
      const first = await open()
      const second = await open()
      expect(second.issuerKey).toEqual(first.issuerKey)
      expect(second.directory()).toEqual(first.directory())
      expect(
        first
          .directory()
          .map(({ group }) => group)
          .sort(),
      ).toEqual(['coordinator', 'desk', 'execution-standard', 'storage'])
    })

    test('agrees with all that start at the same moment', async () => {
      const all = await Promise.all(Array.from({ length: 8 }, () => open()))
      for (const one of all) {
        await one.refresh()
        expect(one.issuerKey).toEqual(all[0]!.issuerKey)
        expect(one.directory()).toEqual(all[0]!.directory())
      }
    })

    test('refuses a state of another device, and leaves it as it is', async () => {
      await open()
      const before = await register.read()
      const other = await deviceOf('coordinator', generateSigningKey()).sealingKey()
      await expect(open({ sealingKey: other })).rejects.toThrow(refused('state_damaged'))
      expect(await register.read()).toEqual(before)
    })

    test('refuses a state with any byte changed, and one that is cut off', async () => {
      await open()
      const { value, revision } = (await register.read())!
      const reading = (bytes: Uint8Array): Register => ({
        read: () => Promise.resolve({ value: bytes, revision }),
        replace: () => Promise.reject(new Error('nothing may be written')),
      })
      for (let at = 0; at < value.length; at += 61) {
        const changed = Buffer.from(value)
        changed[at]! ^= 1
        await expect(open({ register: reading(changed) }), `byte ${at}`).rejects.toThrow(refused('state_damaged'))
        await expect(open({ register: reading(value.subarray(0, at)) }), `length ${at}`).rejects.toThrow(
          refused('state_damaged'),
        )
      }
    })
  })

  describe('while it runs', () => {
    test('takes over what another coordinator decided', async () => {
      const [one, two] = [await open(), await open()]
      await admit(one, 'desk')
      await one.revoke('desk-1')
      await two.refresh()
      expect(two.directory()).toEqual(one.directory())
      await expect(admit(two, 'desk')).rejects.toThrow(refused('revoked'))
    })

    test('notices when the broker hands out an older state, which would undo a revocation', async () => {
      const authority = await open()
      const old = (await register.read())!
      await admit(authority, 'desk')
      await authority.revoke('desk-1')
      const { revision } = (await register.read())!
      await register.replace(old.value, revision)
      await expect(authority.refresh()).rejects.toThrow(refused('state_damaged', 'older'))
      await expect(admit(authority, 'desk')).rejects.toThrow(refused('state_damaged'))
    })

    test('notices when the state is gone, or another in its place', async () => {
      const authority = await open()
      const empty = new MemoryRegister()
      await expect(
        open({
          register: {
            read: once(await register.read()),
            replace: (value, revision) => register.replace(value, revision),
          },
        }),
      ).rejects.toThrow(refused('state_damaged', 'gone'))
      await open({ register: empty })
      const { revision } = (await register.read())!
      await register.replace((await empty.read())!.value, revision)
      await expect(authority.refresh()).rejects.toThrow(refused('state_damaged'))
    })

    test('begins epochs as they are due, though nobody but members calls', async () => {
      const authority = await open()
      const first = latestOf(authority, 'desk').epoch
      clock.advance(51 * MINUTE)
      const { admission } = await admit(authority, 'desk')
      expect(admission.keys.map(({ epoch }) => epoch)).toEqual([first, first + 1])
      expect(admission.directory).toEqual(authority.directory())
    })

    test('admits many at once while an epoch is due', async () => {
      const authority = await open()
      clock.advance(51 * MINUTE)
      const admitted = await Promise.all(
        Array.from({ length: 40 }, (_, i) => admit(authority, 'desk', { member: `desk-${i}` })),
      )
      const directories = new Set(admitted.map(({ admission }) => JSON.stringify(admission.directory)))
      expect(directories.size).toBe(1)
    })
  })

  describe('an admission', () => {
    test('is a passport, the private keys of the own group, and the public ones of all', async () => {
      const authority = await open()
      const { applicant, admission } = await admit(authority, 'desk')
      const passport = await verifyPassport(admission.passport, authority.issuerKey, authority.manifest, clock.now())
      expect(passport).toMatchObject({ member: 'desk-1', role: 'desk', measurement: measurementOf('desk') })
      expect(Buffer.from(passport.signingKey)).toEqual(Buffer.from(applicant.signingKey))
      expect(admission.expiresAtMs).toBe(clock.now() + PASSPORT_MS)
      expect(admission.keys.map(({ group }) => group)).toEqual(['desk'])
      for (const { private_key, public_key } of admission.keys) {
        expect(Buffer.from(importSealingKey(private_key).publicKey)).toEqual(Buffer.from(public_key))
      }
      expect(admission.directory).toEqual(authority.directory())
      expect(await passports.byMember('desk-1')).toBe(admission.passport)
      expect(await passports.byDigest(passportDigest(admission.passport).toString('hex'))).toBe(admission.passport)
    })

    test('brings the storage key to storage, and to nobody else', async () => {
      const authority = await open()
      const { admission } = await admit(authority, 'storage')
      expect(admission.secrets['storage_key']).toHaveLength(32)
      for (const role of ['desk', 'coordinator']) {
        expect((await admit(authority, role)).admission.secrets).toEqual({})
      }
      const worker = await admit(authority, 'execution', { workerClass: 'standard' })
      expect(worker.admission.secrets).toEqual({})
      expect(worker.admission.keys.map(({ group }) => group)).toEqual(['execution-standard'])
    })

    test('brings the audit key to who writes the log, as the authority has it', async () => {
      const authority = await open({ manifestText: manifestNamed('one', ['frontend', 'management']) })
      const keys = new Set<string>()
      for (const role of ['frontend', 'management']) {
        const { secrets } = (await admit(authority, role)).admission
        expect(Object.keys(secrets)).toEqual(['audit_key'])
        keys.add(Buffer.from(secrets['audit_key'] ?? []).toString('hex'))
      }
      expect([keys.size, [...keys][0]?.length]).toEqual([1, 64])
    })

    test('carries the proof that receipts need', async () => {
      const authority = await open()
      const { admission } = await admit(authority, 'desk')
      verifyCoordinator(
        admission.endorsement,
        {
          issuerKey: authority.issuerKey,
          nonce: ENDORSEMENT_NONCE,
          manifestDigest: manifestDigest(manifestText),
          told: {},
        },
        parseManifest(manifestText),
      )
    })

    test('is refused with every reason', async () => {
      const authority = await open()
      const device = deviceOf('desk', root, 'ab'.repeat(32))
      await expect(admit(authority, 'desk', { device, workerClass: 'standard' })).rejects.toThrow(
        refused('platform_untrusted', 'desk-1'),
      )
    })
  })

  describe('nobody is admitted', () => {
    test('with evidence of another root, of other code, or of another role', async () => {
      const authority = await open()
      for (const device of [
        deviceOf('desk', generateSigningKey()),
        deviceOf('desk', root, 'ab'.repeat(32)),
        deviceOf('storage'),
      ]) {
        await expect(admit(authority, 'desk', { device })).rejects.toThrow(refused('platform_untrusted'))
      }
      expect(passports.entries.size).toBe(0)
    })

    test('for a class that the manifest does not list, or a role that it has not', async () => {
      const authority = await open()
      await expect(admit(authority, 'execution', { workerClass: 'special' })).rejects.toThrow(
        refused('platform_untrusted', 'special'),
      )
      await expect(admit(authority, 'frontend')).rejects.toThrow(refused('platform_untrusted', 'no role'))
    })

    test.each<[string, (a: Awaited<ReturnType<typeof admit>>['applicant']) => object]>([
      ['another signing key', () => ({ signingKey: generateKeys().signingKey.publicKey })],
      ['another sealing key', () => ({ sealingKey: generateKeys().sealingKey.publicKey })],
      ['another name', () => ({ member: 'desk-2' })],
      ['evidence of another platform', ({ evidence }) => ({ evidence: { ...evidence, platform: 'tdx' } })],
      [
        'evidence that is cut off',
        ({ evidence }) => ({ evidence: { ...evidence, bytes: evidence.bytes.subarray(1) } }),
      ],
    ])('with the evidence of somebody else: %s', async (_what, change) => {
      const authority = await open()
      const { applicant } = await admit(authority, 'desk')
      await authority.admit(applicant)
      await expect(authority.admit({ ...applicant, ...change(applicant) })).rejects.toThrow(
        refused('platform_untrusted'),
      )
    })

    test('with the evidence of another time', async () => {
      const authority = await open()
      const { applicant } = await admit(authority, 'desk')
      await expect(authority.admit({ ...applicant, nonce: authority.makeNonce() })).rejects.toThrow(
        refused('platform_untrusted'),
      )
      clock.advance(MINUTE)
      await expect(authority.admit(applicant)).rejects.toThrow(refused('expired', 'nonce'))
    })

    test('with a nonce of its own making', async () => {
      const authority = await open()
      const real = Buffer.from(authority.makeNonce())
      const changed = (at: number) => {
        const nonce = Buffer.from(real)
        nonce[at]! ^= 1
        return nonce
      }
      for (let at = 0; at < real.length; at += 1) {
        await expect(admit(authority, 'desk', { nonce: changed(at) }), `byte ${at}`).rejects.toThrow(refused('expired'))
      }
      for (const nonce of [
        new Uint8Array(0),
        Buffer.alloc(32),
        real.subarray(0, 31),
        Buffer.concat([real, Buffer.alloc(1)]),
      ]) {
        await expect(admit(authority, 'desk', { nonce })).rejects.toThrow(refused('expired'))
      }
      const stranger = await open({ register: new MemoryRegister() })
      await expect(admit(authority, 'desk', { nonce: stranger.makeNonce() })).rejects.toThrow(refused('expired'))
    })

    test.each(['', 'a b', 'a.b', '>', 'a\n', '../x', 'x'.repeat(81)])(
      'under a name that is none: %j',
      async (member) => {
        const authority = await open()
        await expect(admit(authority, 'desk', { member })).rejects.toThrow(refused('invalid_request'))
      },
    )
  })

  test('a nonce of one coordinator is good at another, for a minute', async () => {
    const [one, two] = [await open(), await open()]
    const nonce = one.makeNonce()
    clock.advance(MINUTE - 1)
    await admit(two, 'desk', { nonce })
  })

  describe('a revocation', () => {
    test('ends admissions under that name, begins a new epoch, and is told to all who are admitted', async () => {
      const authority = await open()
      const { admission: before } = await admit(authority, 'desk')
      await authority.revoke('desk-1')
      await expect(admit(authority, 'desk')).rejects.toThrow(refused('revoked'))
      const { admission } = await admit(authority, 'desk', { member: 'desk-2' })
      expect(admission.revoked).toEqual(['desk-1'])
      expect(latestOf(authority, 'desk').epoch).toBe(before.keys.at(-1)!.epoch + 1)
      expect(latestOf(authority, 'desk').starts_at).toBe(clock.now())
    })

    test('of a worker begins a new epoch of its class alone', async () => {
      const authority = await open()
      await admit(authority, 'execution', { workerClass: 'standard' })
      const [desk, workers] = [latestOf(authority, 'desk').epoch, latestOf(authority, 'execution-standard').epoch]
      await authority.revoke('execution-1')
      expect(latestOf(authority, 'desk').epoch).toBe(desk)
      expect(latestOf(authority, 'execution-standard').epoch).toBe(workers + 1)
    })

    test('is possible after the passport has ended', async () => {
      const authority = await open()
      await admit(authority, 'desk')
      clock.advance(5 * PASSPORT_MS)
      await authority.revoke('desk-1')
      await expect(admit(authority, 'desk')).rejects.toThrow(refused('revoked'))
    })

    test('of nobody is refused', async () => {
      const authority = await open()
      for (const member of ['desk-9', '', 'a b', '>']) {
        await expect(authority.revoke(member)).rejects.toThrow(refused('not_found'))
      }
    })

    test("does not follow a passport that the broker put in the member's place", async () => {
      const authority = await open()
      await admit(authority, 'desk')
      const { admission: other } = await admit(authority, 'storage')
      const before = authority.directory()
      const stranger = await open({ register: new MemoryRegister(), passports: memoryBucket() })
      const { admission: forged } = await admit(stranger, 'storage', { member: 'desk-1' })
      for (const jws of [other.passport, forged.passport, 'not.a.passport', '']) {
        passports.entries.set('member.desk-1', jws)
        await expect(authority.revoke('desk-1'), jws.slice(0, 20)).rejects.toThrow(refused('not_admitted'))
      }
      expect(authority.directory()).toEqual(before)
    })
  })

  describe('under another manifest', () => {
    test('the state is taken over with new keys for every group, and whoever works by the old one is refused', async () => {
      const old = await open()
      const { admission: before } = await admit(old, 'desk')
      manifestText = manifestNamed('two')
      const present = await open()
      expect(present.issuerKey).toEqual(old.issuerKey)
      const { admission } = await admit(present, 'desk')
      expect(admission.keys).toHaveLength(1)
      expect(admission.keys[0]!.epoch).toBeGreaterThan(before.keys.at(-1)!.epoch)
      await expect(old.refresh()).rejects.toThrow(refused('state_in_use'))
      await expect(admit(old, 'desk')).rejects.toThrow(refused('state_in_use'))
    })

    test('the proof says which manifest it is', async () => {
      const authority = await open()
      const nonce = Buffer.alloc(32, 1)
      const evidence = await authority.prove(nonce)
      const statement = { issuerKey: authority.issuerKey, nonce, told: {} }
      const verify = (text: string) =>
        verifyCoordinator(evidence, { ...statement, manifestDigest: manifestDigest(text) }, parseManifest(text))
      verify(manifestText)
      expect(() => verify(manifestNamed('two'))).toThrow(refused('platform_untrusted'))
      expect(coordinatorReportData({ ...statement, manifestDigest: 'a' })).toHaveLength(64)
    })
  })
})

/** Reads once what is there, and then nothing. */
function once<T>(value: T): () => Promise<T | undefined> {
  let left: T | undefined = value
  return () => {
    const now = left
    left = undefined
    return Promise.resolve(now)
  }
}
