/**
 * Channels of members and clients that meet without a broker: their passports lie in a map, and time is moved by hand.
 */
import type { KeyPair } from '../../../attestation/index.ts'
import { exportSecret, generateKeys, generateSealingKey, passportDigest } from '../../../attestation/index.ts'
import type { PrivateGroupKey, PublicGroupKey } from '../../../messages/index.ts'
import type { Clock } from '../../../runtime/index.ts'
import { Identity, KeyRing, ManualClock, Peers, ReplayWindow, SealedChannel } from '../../../runtime/index.ts'
import { NOW_MS, passportOf, samplePlatform } from '../../attestation/sample_platform.ts'

export interface GroupEpochKey {
  publicKey: PublicGroupKey
  privateKey: PrivateGroupKey
}

export function groupEpoch(
  group: string,
  epoch: number,
  startsAtMs = NOW_MS,
  endsAtMs = NOW_MS + 3_600_000,
): GroupEpochKey {
  const key: KeyPair = generateSealingKey()
  const publicKey = { group, epoch, public_key: key.publicKey, starts_at: startsAtMs, ends_at: endsAtMs }
  return { publicKey, privateKey: { ...publicKey, private_key: exportSecret(key) } }
}

export interface SampleMember {
  channel: SealedChannel
  identity: Identity
  keyRing: KeyRing
  peers: Peers
  passport: string
}

export function sampleWorld() {
  const platform = samplePlatform()
  const clock = new ManualClock(NOW_MS)
  const passports = new Map<string, string>()
  /** How often each passport was read. */
  const reads: string[] = []
  const source = {
    byDigest: (digest: string) => {
      reads.push(digest)
      return Promise.resolve(passports.get(digest))
    },
    byMember: (member: string) => Promise.resolve(passports.get(member)),
  }
  // Storage has a role here and no member, so no key of it is known.
  const storage = [{ platform: 'simulated', measurement: 'a'.repeat(64) }]
  const manifest = { ...platform.manifest, roles: { ...platform.manifest.roles, storage } }
  const anchor = () => ({ issuerKey: platform.issuerKey.publicKey, manifest })
  const makePeers = (of: Clock = clock) => new Peers(source, anchor, of)
  const channelOf = (identity: Identity, keyRing: KeyRing, peers: Peers, of: Clock = clock) =>
    new SealedChannel({ identity, keyRing, peers, replays: new ReplayWindow(of), clock: of })

  return {
    platform,
    clock,
    passports,
    reads,
    makePeers,
    /** Publishes a passport as the coordinator does. */
    publish(member: string, jws: string): void {
      passports.set(passportDigest(jws).toString('hex'), jws)
      passports.set(member, jws)
    },
    async member(role: string, id: string, groups: readonly GroupEpochKey[] = []): Promise<SampleMember> {
      const identity = Identity.member(generateKeys(), role, id)
      const passport = await platform.issue(passportOf(role, { member: id }, identity.keys))
      this.publish(id, passport)
      identity.admit(passport)
      const keyRing = new KeyRing()
      keyRing.update(
        groups.filter(({ publicKey }) => publicKey.group === role).map(({ privateKey }) => privateKey),
        groups.map(({ publicKey }) => publicKey),
      )
      const peers = makePeers()
      return { channel: channelOf(identity, keyRing, peers), identity, keyRing, peers, passport }
    },
    client(groups: readonly GroupEpochKey[] = []): Omit<SampleMember, 'passport'> {
      const identity = Identity.client(generateKeys())
      const keyRing = new KeyRing()
      keyRing.learn(groups.map(({ publicKey }) => publicKey))
      const peers = makePeers()
      return { channel: channelOf(identity, keyRing, peers), identity, keyRing, peers }
    },
  }
}
