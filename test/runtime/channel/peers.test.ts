import { describe, expect, test } from 'vitest'
import { generateKeys, generateSigningKey, passportDigest } from '../../../attestation/index.ts'
import type { Credential } from '../../../messages/index.ts'
import { Refusal } from '../../../messages/index.ts'
import { clientThumbprint, Peers } from '../../../runtime/index.ts'
import { passportOf } from '../../attestation/sample_platform.ts'
import { sampleWorld } from './sample_channel.ts'

const byPassport = (jws: string): Credential => ({ kind: 'passport', digest: passportDigest(jws) })

function clientCredential(): Credential & { kind: 'client' } {
  const { signingKey, sealingKey } = generateKeys()
  return { kind: 'client', signingKey: signingKey.publicKey, sealingKey: sealingKey.publicKey }
}

async function refusalOf(promise: Promise<unknown>): Promise<Refusal> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(Refusal)
  return error as Refusal
}

describe('a member', () => {
  test('is looked up by the digest of its passport, once', async () => {
    const world = sampleWorld()
    const { passport } = await world.member('echo', 'echo-1')
    const peers = world.makePeers()
    const credential = byPassport(passport)
    expect(peers.known(credential)).toBeUndefined()
    const [one, two] = await Promise.all([peers.resolve(credential), peers.resolve(credential)])
    expect(one).toBe(two)
    expect(one.sender).toEqual({ role: 'echo', id: 'echo-1', platform: 'simulated' })
    expect(await peers.resolve(credential)).toBe(one)
    expect(peers.known(credential)).toBe(one)
    expect(world.reads).toHaveLength(1)
  })

  test('is no longer known when its passport has ended', async () => {
    const world = sampleWorld()
    const { passport } = await world.member('echo', 'echo-1')
    const peers = world.makePeers()
    await peers.resolve(byPassport(passport))
    world.clock.advance(600_000)
    expect(() => peers.known(byPassport(passport))).toThrow(expect.objectContaining({ code: 'not_admitted' }))
    world.clock.advance(10_000)
    expect((await refusalOf(peers.resolve(byPassport(passport)))).cause).toContain('expired')
  })

  test('is no longer known when it was revoked, whether it was known before or not', async () => {
    const world = sampleWorld()
    const known = await world.member('echo', 'echo-1')
    const unknown = await world.member('echo', 'echo-2')
    const peers = world.makePeers()
    await peers.resolve(byPassport(known.passport))
    peers.revoke(['echo-1', 'echo-2'])
    expect(() => peers.known(byPassport(known.passport))).toThrow(expect.objectContaining({ cause: 'revoked' }))
    expect((await refusalOf(peers.resolve(byPassport(unknown.passport)))).cause).toBe('revoked')
    peers.revoke([])
    expect(peers.known(byPassport(known.passport))?.sender.id).toBe('echo-1')
  })
})

describe('a passport is not accepted', () => {
  test.each<[string, (world: ReturnType<typeof sampleWorld>) => Promise<Credential>]>([
    ['when nobody has published it', (world) => world.platform.issue(passportOf('echo')).then(byPassport)],
    [
      'when another lies in its place',
      async (world) => {
        const credential = byPassport(await world.platform.issue(passportOf('echo')))
        const other = await world.platform.issue(passportOf('echo', { member: 'echo-2' }))
        if (credential.kind === 'passport') world.passports.set(Buffer.from(credential.digest).toString('hex'), other)
        return credential
      },
    ],
    [
      'by another issuer',
      async (world) => {
        const jws = await world.platform.issue(passportOf('echo'), generateSigningKey())
        world.publish('echo-1', jws)
        return byPassport(jws)
      },
    ],
    [
      'of a measurement that the manifest does not list',
      async (world) => {
        const jws = await world.platform.issue(passportOf('echo', { measurement: 'ab'.repeat(32) }))
        world.publish('echo-1', jws)
        return byPassport(jws)
      },
    ],
    [
      'that is no passport at all',
      (world) => {
        world.publish('echo-1', 'not a passport')
        return Promise.resolve(byPassport('not a passport'))
      },
    ],
  ])('%s, and all these look alike', async (_what, make) => {
    const world = sampleWorld()
    const refusal = await refusalOf(world.makePeers().resolve(await make(world)))
    expect(refusal.toNote()).toEqual({ code: 'not_admitted', message: 'the sender is not admitted' })
    expect(refusal.cause).toBeDefined()
  })
})

describe('the bucket of passports', () => {
  test('that cannot be read makes the member unavailable, not unadmitted', async () => {
    const { platform, clock } = sampleWorld()
    const broken = {
      byDigest: () => Promise.reject(new Error('timeout')),
      byMember: () => Promise.reject(new Error('timeout')),
    }
    const peers = new Peers(
      broken,
      () => ({ issuerKey: platform.issuerKey.publicKey, manifest: platform.manifest }),
      clock,
    )
    expect((await refusalOf(peers.resolve(byPassport('x')))).code).toBe('unavailable')
    expect((await refusalOf(peers.resolveMember('echo-1', 'echo'))).code).toBe('unavailable')
  })

  test('is asked for a bounded number of unknown passports at a time', async () => {
    const { platform, clock } = sampleWorld()
    const waiting: (() => void)[] = []
    const slow = {
      byDigest: () => new Promise<undefined>((resolve) => waiting.push(() => resolve(undefined))),
      byMember: () => Promise.resolve(undefined),
    }
    const peers = new Peers(
      slow,
      () => ({ issuerKey: platform.issuerKey.publicKey, manifest: platform.manifest }),
      clock,
    )
    const lookups = Array.from({ length: 300 }, (_, i) => refusalOf(peers.resolve(byPassport(`${i}`))))
    await expect(Promise.race(lookups)).resolves.toMatchObject({ code: 'overloaded' })
    expect(waiting).toHaveLength(256)
    for (const answer of waiting) answer()
    const codes = (await Promise.all(lookups)).map(({ code }) => code)
    expect(codes.filter((code) => code === 'overloaded')).toHaveLength(44)
    expect(codes.filter((code) => code === 'not_admitted')).toHaveLength(256)
  })
})

describe('one member by its name', () => {
  test('is found by its passport', async () => {
    const world = sampleWorld()
    await world.member('echo', 'echo-1')
    const peers = world.makePeers()
    const peer = await peers.resolveMember('echo-1', 'echo')
    expect(peer.sender).toEqual({ role: 'echo', id: 'echo-1', platform: 'simulated' })
    expect(await peers.resolveMember('echo-1', 'echo')).toBe(peer)
  })

  test('is not found under a passport of somebody else, or of another role', async () => {
    const world = sampleWorld()
    const { passport } = await world.member('echo', 'echo-1')
    world.passports.set('echo-2', passport)
    const peers = world.makePeers()
    expect((await refusalOf(peers.resolveMember('echo-2', 'echo'))).code).toBe('not_admitted')
    expect((await refusalOf(peers.resolveMember('echo-1', 'execution'))).code).toBe('not_admitted')
    expect((await refusalOf(peers.resolveMember('echo-3', 'echo'))).code).toBe('unavailable')
  })

  test('is not found once it was revoked', async () => {
    const world = sampleWorld()
    await world.member('echo', 'echo-1')
    const peers = world.makePeers()
    await peers.resolveMember('echo-1', 'echo')
    peers.revoke(['echo-1'])
    expect((await refusalOf(peers.resolveMember('echo-1', 'echo'))).code).toBe('not_admitted')
  })
})

describe('a client', () => {
  test('is who its frame says, named by its signing key', async () => {
    const credential = clientCredential()
    const peer = await sampleWorld().makePeers().resolve(credential)
    expect(peer.sender).toEqual({ role: 'client', id: clientThumbprint(credential.signingKey) })
    expect(peer.passport).toBeUndefined()
  })

  test('is kept only once it is remembered, so that noise crowds out nobody', () => {
    const peers = sampleWorld().makePeers()
    const credential = clientCredential()
    const peer = peers.known(credential)!
    expect(peers.known(credential)).not.toBe(peer)
    peers.remember(peer)
    expect(peers.known(credential)).toBe(peer)
  })

  test('with the signing key of another is somebody else, to each of its sealing keys', () => {
    const peers = sampleWorld().makePeers()
    const [one, two] = [clientCredential(), clientCredential()]
    const mixed = { ...one, sealingKey: two.sealingKey }
    peers.remember(peers.known(one)!)
    expect(peers.known(mixed)).not.toBe(peers.known(one))
  })
})

test('the oldest are forgotten when there are too many', () => {
  const peers = sampleWorld().makePeers()
  const { signingKey } = clientCredential()
  const numbered = (n: number): Credential => {
    const sealingKey = Buffer.alloc(32, 9)
    sealingKey.writeUInt32BE(n)
    return { kind: 'client', signingKey, sealingKey }
  }
  const first = peers.remember(peers.known(numbered(0))!)
  for (let n = 1; n < 10_000; n += 1) peers.remember(peers.known(numbered(n))!)
  expect(peers.known(numbered(0))).toBe(first)
  peers.remember(peers.known(numbered(10_000))!)
  expect(peers.known(numbered(0))).not.toBe(first)
})

test('secrets are derived once for each of our keys and each direction', () => {
  const peers = sampleWorld().makePeers()
  const peer = peers.known(clientCredential())!
  const own = generateKeys().sealingKey
  const there = peers.secret(peer, own, 'own', 'from_us')
  expect(peers.secret(peer, own, 'own', 'from_us')).toBe(there)
  expect(peers.secret(peer, own, 'own', 'to_us')).not.toEqual(there)
  for (let epoch = 0; epoch < 500; epoch += 1) peers.secret(peer, own, `echo:${epoch}`, 'to_us')
  expect(peer.secrets.size).toBeLessThanOrEqual(64)
})
