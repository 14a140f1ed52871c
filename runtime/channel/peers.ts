/**
 * Turns a frame's credential into a verified peer. A passport is looked up by its digest, verified once, and kept until
 * it expires or is revoked. A client names its own keys and is nobody else. Bounded: the oldest peers are dropped.
 */
import type { KeyObject } from 'node:crypto'
import type { KeyPair, Manifest, Passport } from '../../attestation/index.ts'
import { deriveSealingSecret, importSigningPublicKey, passportDigest, verifyPassport } from '../../attestation/index.ts'
import type { Credential } from '../../messages/index.ts'
import { Refusal } from '../../messages/index.ts'
import type { Sender } from '../actor.ts'
import type { PassportSource } from '../broker/passport_bucket.ts'
import type { Clock } from '../clock.ts'
import { clientThumbprint } from './identity.ts'

const PEERS_MAX = 10_000
/** How many passports are looked up at a time: a flood of unknown ones must not become a flood of reads. */
const LOOKUPS_MAX = 256
/** How many secrets a peer has, one for each of our keys: our own, and those of our groups by epoch. */
const SECRETS_MAX = 64

export interface Peer {
  sender: Sender
  /** Absent for a client. */
  passport?: Passport
  signer: KeyObject
  sealingKey: Uint8Array
  expiresAtMs: number
  /** Which credential this is, as a key of maps. */
  key: string
  /** Pair secrets by the id of our key; they are forgotten with the peer. */
  secrets: Map<string, Buffer>
}

export interface TrustAnchor {
  issuerKey: Uint8Array
  manifest: Manifest
}

export class Peers {
  readonly #source: PassportSource
  readonly #anchor: () => TrustAnchor
  readonly #clock: Clock
  readonly #peers = new Map<string, Peer>()
  readonly #lookups = new Map<string, Promise<Peer>>()
  #revoked: ReadonlySet<string> = new Set()
  readonly #distrusted = new Set<string>()

  constructor(source: PassportSource, anchor: () => TrustAnchor, clock: Clock) {
    this.#source = source
    this.#anchor = anchor
    this.#clock = clock
  }

  /** Replaces the members that are no longer heard, whatever their passports say. */
  revoke(members: readonly string[]): void {
    this.#revoked = new Set(members)
  }

  /** Stops hearing a member that was caught lying to us, for the life of this process. */
  distrust(member: string): void {
    this.#distrusted.add(member)
  }

  /** Refuses `unsupported` for a service that the manifest does not have: no key of it will ever be known. */
  checkRole(service: string): void {
    if (Object.hasOwn(this.#anchor().manifest.roles, service)) return
    throw new Refusal(
      'unsupported',
      `the manifest has no role "${service}": this deployment does not run that service`,
      {
        hint: 'ask the operator whether it is to run, and take the manifest anew',
      },
    )
  }

  /** How many are remembered. */
  get size(): number {
    return this.#peers.size
  }

  /**
   * The peer, if nothing has to be looked up for it; refuses one that has expired or was revoked. A client is known by
   * what its frame says. It is kept, by `remember`, only once such a frame was opened: noise must not crowd out
   * anybody.
   */
  known(credential: Credential): Peer | undefined {
    const peer = this.#peers.get(credentialKey(credential))
    if (peer !== undefined) return this.#valid(peer)
    return credential.kind === 'client' ? clientPeer(credential) : undefined
  }

  async resolve(credential: Credential): Promise<Peer> {
    const known = this.known(credential)
    if (known !== undefined) return known
    if (credential.kind === 'client') return clientPeer(credential)
    const key = credentialKey(credential)
    const underWay = this.#lookups.get(key)
    if (underWay !== undefined) return underWay
    if (this.#lookups.size >= LOOKUPS_MAX) {
      throw new Refusal('overloaded', 'too many unknown senders at once', { hint: 'send again in a moment' })
    }
    const lookup = this.#lookUp(credential.digest).finally(() => this.#lookups.delete(key))
    this.#lookups.set(key, lookup)
    return lookup
  }

  /**
   * Finds a member by its id and role, for what only that member can do; refuses `unavailable` when it has no passport.
   */
  async resolveMember(member: string, role: string): Promise<Peer> {
    const jws = await this.#read(this.#source.byMember(member))
    if (jws === undefined) throw new Refusal('unavailable', `member "${member}" has no passport`)
    const key = passportDigest(jws).toString('latin1')
    const known = this.#peers.get(key)
    const peer = this.#valid(known ?? this.remember(await this.#verified(jws)))
    if (peer.sender.id !== member || peer.sender.role !== role) {
      throw notAdmitted('the passport is of another member')
    }
    return peer
  }

  /** The secret for frames between one of our keys and a peer; it is derived once. */
  secret(peer: Peer, own: KeyPair, ownId: string, direction: 'to_us' | 'from_us'): Buffer {
    const id = `${direction}:${ownId}`
    const cached = peer.secrets.get(id)
    if (cached !== undefined) return cached
    const [sender, receiver] =
      direction === 'to_us' ? [peer.sealingKey, own.publicKey] : [own.publicKey, peer.sealingKey]
    const secret = deriveSealingSecret(own, peer.sealingKey, sender, receiver)
    if (peer.secrets.size >= SECRETS_MAX) peer.secrets.clear()
    peer.secrets.set(id, secret)
    return secret
  }

  remember(peer: Peer): Peer {
    if (this.#peers.has(peer.key)) return peer
    const oldest = this.#peers.size < PEERS_MAX ? undefined : this.#peers.keys().next().value
    if (oldest !== undefined) this.#peers.delete(oldest)
    this.#peers.set(peer.key, peer)
    return peer
  }

  async #lookUp(digest: Uint8Array): Promise<Peer> {
    const jws = await this.#read(this.#source.byDigest(Buffer.from(digest).toString('hex')))
    if (jws === undefined) throw notAdmitted('unknown passport')
    // The bucket is not trusted: its text must hash to what the frame named.
    if (!passportDigest(jws).equals(digest)) throw notAdmitted('another passport is stored under that digest')
    return this.#valid(this.remember(await this.#verified(jws)))
  }

  async #read(passport: Promise<string | undefined>): Promise<string | undefined> {
    try {
      return await passport
    } catch (cause) {
      throw new Refusal('unavailable', 'the passports cannot be read now', { cause })
    }
  }

  async #verified(jws: string): Promise<Peer> {
    const { issuerKey, manifest } = this.#anchor()
    const passport = await verifyPassport(jws, issuerKey, manifest, this.#clock.now()).catch((error: unknown) => {
      throw notAdmitted(error instanceof Error ? error.message : error)
    })
    return {
      sender: { role: passport.role, id: passport.member, platform: passport.platform },
      passport,
      signer: importSigningPublicKey(passport.signingKey),
      sealingKey: passport.sealingKey,
      expiresAtMs: passport.expiresAtMs,
      key: passportDigest(jws).toString('latin1'),
      secrets: new Map(),
    }
  }

  #valid(peer: Peer): Peer {
    const { id } = peer.sender
    if (this.#revoked.has(id)) throw notAdmitted('revoked')
    if (this.#distrusted.has(id)) throw notAdmitted('it signed something else than its frame said')
    if (peer.expiresAtMs <= this.#clock.now()) {
      this.#peers.delete(peer.key)
      throw notAdmitted('passport expired')
    }
    return peer
  }
}

/** The sender hears the same text whatever the reason; `why` stays in the log. */
function notAdmitted(why: unknown): Refusal {
  return new Refusal('not_admitted', 'the sender is not admitted', { cause: why })
}

function clientPeer(credential: Credential & { kind: 'client' }): Peer {
  const signingKey = Buffer.from(credential.signingKey)
  return {
    sender: { role: 'client', id: clientThumbprint(signingKey) },
    signer: importSigningPublicKey(signingKey),
    sealingKey: Buffer.from(credential.sealingKey),
    expiresAtMs: Number.POSITIVE_INFINITY,
    key: credentialKey(credential),
    secrets: new Map(),
  }
}

function credentialKey(credential: Credential): string {
  if (credential.kind === 'passport') return Buffer.from(credential.digest).toString('latin1')
  return Buffer.concat([credential.signingKey, credential.sealingKey]).toString('latin1')
}
