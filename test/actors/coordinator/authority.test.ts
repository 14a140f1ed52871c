import { beforeEach, describe, expect, test } from 'vitest'
import {
  coordinatorReportData,
  generateSigningKey,
  manifestDigest,
  verifyCoordinator,
  parseManifest,
} from '../../../attestation/index.ts'
import type { Register } from '../../../runtime/index.ts'
import { MemoryRegister } from '../../../runtime/index.ts'
import { AuthorityScene, latestOf, memoryBucket, MINUTE, PASSPORT_MS, refused } from './authority_scene.ts'

let scene: AuthorityScene
beforeEach(() => {
  scene = new AuthorityScene()
})

describe('when it opens', () => {
  test('makes a state where there is none, and finds it again after a restart', async () => {
    const first = await scene.open()
    const second = await scene.open()
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
    const all = await Promise.all(Array.from({ length: 8 }, () => scene.open()))
    for (const one of all) {
      await one.refresh()
      expect(one.issuerKey).toEqual(all[0]!.issuerKey)
      expect(one.directory()).toEqual(all[0]!.directory())
    }
  })

  test('refuses a state of another device, and leaves it as it is', async () => {
    await scene.open()
    const before = await scene.register.read()
    const other = await scene.deviceOf('coordinator', generateSigningKey()).sealingKey()
    await expect(scene.open({ sealingKey: other })).rejects.toThrow(refused('state_damaged'))
    expect(await scene.register.read()).toEqual(before)
  })

  test('refuses a state with any byte changed, and one that is cut off', async () => {
    await scene.open()
    const { value, revision } = (await scene.register.read())!
    const reading = (bytes: Uint8Array): Register => ({
      read: () => Promise.resolve({ value: bytes, revision }),
      replace: () => Promise.reject(new Error('nothing may be written')),
    })
    for (let at = 0; at < value.length; at += 61) {
      const changed = Buffer.from(value)
      changed[at]! ^= 1
      await expect(scene.open({ register: reading(changed) }), `byte ${at}`).rejects.toThrow(refused('state_damaged'))
      await expect(scene.open({ register: reading(value.subarray(0, at)) }), `length ${at}`).rejects.toThrow(
        refused('state_damaged'),
      )
    }
  })
})

describe('while it runs', () => {
  test('takes over what another coordinator decided', async () => {
    const [one, two] = [await scene.open(), await scene.open()]
    await scene.admit(one, 'desk')
    await one.revoke('desk-1')
    await two.refresh()
    expect(two.directory()).toEqual(one.directory())
    await expect(scene.admit(two, 'desk')).rejects.toThrow(refused('revoked'))
  })

  test('notices when the broker hands out an older state, which would undo a revocation', async () => {
    const authority = await scene.open()
    const old = (await scene.register.read())!
    await scene.admit(authority, 'desk')
    await authority.revoke('desk-1')
    const { revision } = (await scene.register.read())!
    await scene.register.replace(old.value, revision)
    await expect(authority.refresh()).rejects.toThrow(refused('state_damaged', 'older'))
    await expect(scene.admit(authority, 'desk')).rejects.toThrow(refused('state_damaged'))
  })

  test('notices when the state is gone, or another in its place', async () => {
    const authority = await scene.open()
    const empty = new MemoryRegister()
    await expect(
      scene.open({
        register: {
          read: once(await scene.register.read()),
          replace: (value, revision) => scene.register.replace(value, revision),
        },
      }),
    ).rejects.toThrow(refused('state_damaged', 'gone'))
    await scene.open({ register: empty })
    const { revision } = (await scene.register.read())!
    await scene.register.replace((await empty.read())!.value, revision)
    await expect(authority.refresh()).rejects.toThrow(refused('state_damaged'))
  })

  test('begins epochs as they are due, though nobody but members calls', async () => {
    const authority = await scene.open()
    const first = latestOf(authority, 'desk').epoch
    scene.clock.advance(51 * MINUTE)
    const { admission } = await scene.admit(authority, 'desk')
    expect(admission.keys.map(({ epoch }) => epoch)).toEqual([first, first + 1])
    expect(admission.directory).toEqual(authority.directory())
  })

  test('admits many at once while an epoch is due', async () => {
    const authority = await scene.open()
    scene.clock.advance(51 * MINUTE)
    const admitted = await Promise.all(
      Array.from({ length: 40 }, (_, i) => scene.admit(authority, 'desk', { member: `desk-${i}` })),
    )
    const directories = new Set(admitted.map(({ admission }) => JSON.stringify(admission.directory)))
    expect(directories.size).toBe(1)
  })
})

describe('a revocation', () => {
  test('ends admissions under that name, begins a new epoch, and is told to all who are admitted', async () => {
    const authority = await scene.open()
    const { admission: before } = await scene.admit(authority, 'desk')
    await authority.revoke('desk-1')
    await expect(scene.admit(authority, 'desk')).rejects.toThrow(refused('revoked'))
    const { admission } = await scene.admit(authority, 'desk', { member: 'desk-2' })
    expect(admission.revoked).toEqual(['desk-1'])
    expect(latestOf(authority, 'desk').epoch).toBe(before.keys.at(-1)!.epoch + 1)
    expect(latestOf(authority, 'desk').starts_at).toBe(scene.clock.now())
  })

  test('of a worker begins a new epoch of its class alone', async () => {
    const authority = await scene.open()
    await scene.admit(authority, 'execution', { workerClass: 'standard' })
    const [desk, workers] = [latestOf(authority, 'desk').epoch, latestOf(authority, 'execution-standard').epoch]
    await authority.revoke('execution-1')
    expect(latestOf(authority, 'desk').epoch).toBe(desk)
    expect(latestOf(authority, 'execution-standard').epoch).toBe(workers + 1)
  })

  test('is possible after the passport has ended', async () => {
    const authority = await scene.open()
    await scene.admit(authority, 'desk')
    scene.clock.advance(5 * PASSPORT_MS)
    await authority.revoke('desk-1')
    await expect(scene.admit(authority, 'desk')).rejects.toThrow(refused('revoked'))
  })

  test('of nobody is refused', async () => {
    const authority = await scene.open()
    for (const member of ['desk-9', '', 'a b', '>']) {
      await expect(authority.revoke(member)).rejects.toThrow(refused('not_found'))
    }
  })

  test("does not follow a passport that the broker put in the member's place", async () => {
    const authority = await scene.open()
    await scene.admit(authority, 'desk')
    const { admission: other } = await scene.admit(authority, 'storage')
    const before = authority.directory()
    const stranger = await scene.open({ register: new MemoryRegister(), passports: memoryBucket() })
    const { admission: forged } = await scene.admit(stranger, 'storage', { member: 'desk-1' })
    for (const jws of [other.passport, forged.passport, 'not.a.passport', '']) {
      scene.passports.entries.set('member.desk-1', jws)
      await expect(authority.revoke('desk-1'), jws.slice(0, 20)).rejects.toThrow(refused('not_admitted'))
    }
    expect(authority.directory()).toEqual(before)
  })
})

describe('under another manifest', () => {
  test('the state is kept with new keys for every group, and whoever works by the old one is refused', async () => {
    const old = await scene.open()
    const { admission: before } = await scene.admit(old, 'desk')
    scene.manifestText = scene.manifestNamed('two')
    const present = await scene.open()
    expect(present.issuerKey).toEqual(old.issuerKey)
    const { admission } = await scene.admit(present, 'desk')
    expect(admission.keys).toHaveLength(1)
    expect(admission.keys[0]!.epoch).toBeGreaterThan(before.keys.at(-1)!.epoch)
    await expect(old.refresh()).rejects.toThrow(refused('state_in_use'))
    await expect(scene.admit(old, 'desk')).rejects.toThrow(refused('state_in_use'))
  })

  test('the proof says which manifest it is', async () => {
    const authority = await scene.open()
    const nonce = Buffer.alloc(32, 1)
    const evidence = await authority.prove(nonce)
    const statement = { issuerKey: authority.issuerKey, nonce, statement: {} }
    const verify = (text: string) =>
      verifyCoordinator(evidence, { ...statement, manifestDigest: manifestDigest(text) }, parseManifest(text))
    verify(scene.manifestText)
    expect(() => verify(scene.manifestNamed('two'))).toThrow(refused('platform_untrusted'))
    expect(coordinatorReportData({ ...statement, manifestDigest: 'a' })).toHaveLength(64)
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
