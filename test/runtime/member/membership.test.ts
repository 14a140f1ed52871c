import { describe, expect, test } from 'vitest'
import { generateKeys } from '../../../attestation/index.ts'
import type { Admission } from '../../../runtime/index.ts'
import { Identity, KeyRing, ManualClock, silentLog } from '../../../runtime/index.ts'
import { Membership } from '../../../runtime/member/membership.ts'
import { measurementOf, NOW_MS, passportOf, samplePlatform } from '../../attestation/sample_platform.ts'
import { groupEpoch } from '../channel/sample_channel.ts'

/** A member of `echo` whose coordinator admits it at once, each time with another passport. */
function joining() {
  const platform = samplePlatform()
  const clock = new ManualClock(NOW_MS)
  const identity = Identity.member(generateKeys(), 'echo', 'echo-1')
  const keyRing = new KeyRing()
  const { publicKey, privateKey } = groupEpoch('echo', 1)
  const said: string[] = []
  let expiresAtMs = NOW_MS + 600_000
  const anchor = { issuerKey: platform.issuerKey.publicKey, manifest: platform.manifest }
  const source = {
    connect: () => {
      said.push('connect')
      return Promise.resolve({ anchor, groups: [publicKey] })
    },
    admit: async (): Promise<Admission> => {
      said.push('admit')
      expiresAtMs += 1_000
      return {
        passport: await platform.issue(passportOf('echo', { member: 'echo-1', expiresAtMs }, identity.keys)),
        expiresAtMs,
        keys: [privateKey],
        directory: [publicKey],
        secrets: {},
        endorsement: { platform: 'simulated', bytes: new Uint8Array(1) },
        revoked: [`revoked-${said.length}`],
      }
    },
  }
  const peers = { revoke: (members: readonly string[]) => void said.push(...members) }
  const membership = new Membership({ clock, log: silentLog, onLost: () => void said.push('lost') })
  const begin = () =>
    membership.begin(source, { identity, keyRing, peers }, () => {
      said.push('listen')
      return () => void said.push('stop listening')
    })
  return { clock, identity, keyRing, anchor, publicKey, said, membership, begin }
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('a membership', () => {
  test('has nothing to show before it began', () => {
    const { membership } = joining()
    for (const read of [() => membership.anchor, () => membership.admission, () => membership.passport]) {
      expect(read).toThrow(expect.objectContaining({ code: 'unavailable' }))
    }
  })

  test('listens, learns whom to trust, is admitted, and hands on what it got', async () => {
    const { membership, begin, said, anchor, identity, keyRing, publicKey } = joining()
    await begin()
    expect(said).toEqual(['listen', 'connect', 'admit', 'revoked-3'])
    expect(membership.anchor).toBe(anchor)
    expect(membership.passport).toMatchObject({ member: 'echo-1', role: 'echo', measurement: measurementOf('echo') })
    expect(identity.passport).toBe(membership.admission.passport)
    expect(keyRing.publicKey('echo', NOW_MS)).toEqual(publicKey)
    membership.end()
  })

  test('is renewed soon when keys may have changed', async () => {
    const { membership, begin, said, clock, identity } = joining()
    await begin()
    const first = identity.passport
    membership.renewSoon()
    clock.advance(1_000)
    while (identity.passport === first) await nextTurn()
    expect(said.slice(4)).toEqual(['admit', 'revoked-5'])
    expect(membership.passport.expiresAtMs).toBe(NOW_MS + 602_000)
    membership.end()
  })

  test('listens and renews no more once it ended', async () => {
    const { membership, begin, said, clock } = joining()
    await begin()
    membership.renewSoon()
    membership.end()
    clock.advance(3_600_000)
    await nextTurn()
    expect(said.slice(4)).toEqual(['stop listening'])
  })
})
