/**
 * Turns a frame's credential into a verified peer. A passport is looked up by its digest and verified once, then kept
 * until it expires or is revoked; a client names its own keys and is nobody else. Bounded: the oldest are dropped.
 */
import type { KeyObject } from 'node:crypto'
import type { KeyPair, Manifest, Passport } from '../../attestation/index.ts'
import { deriveSealingSecret, importSigningPublicKey, passportDigest, verifyPassport } from '../../attestation/index.ts'
import type { Credential } from '../../messages/index.ts'
import { Refusal } from '../../messages/index.ts'
import type { Sender } from '../actor.ts'
import type { Clock } from '../clock.ts'
import { clientThumbprint } from './identity.ts'

const PEERS_MAX = 10_000

export interface Peer {
  sender: Sender
  /** Absent for a client. */
  passport?: Passport
  signer: KeyObject
  sealingKey: Uint8Array
  expiresAtMs: number
  /** Which credential this is, as a key of maps. */
  key: string
  /** Pair secrets by the id of our own key; they go with the peer. */
  secrets: Map<string, Buffer>
}

/** Where passports are found; the reader verifies what it finds, so the place need not be trusted. */
export interface PassportSource {
  byDigest(digestHex: string): Promise<string | undefined>
  byMember(member: string): Promise<string | undefined>
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
  #revoked: ReadonlySet<string> = new Set()

  constructor(source: PassportSource, anchor: () => TrustAnchor, clock: Clock) {
    this.#source = source
    this.#anchor = anchor
    this.#clock = clock
  }

  /** Members that are no longer to be heard, whatever their passports say. */
  revoke(members: readonly string[]): void {
    this.#revoked = new Set(members)
  }

  /** The peer if it is known already; refuses one that has expired or was revoked. */
  known(credential: Credential): Peer | undefined {
    const peer = this.#peers.get(credentialKey(credential))
    return peer === undefined ? undefined : this.#valid(peer)
  }

  async resolve(credential: Credential): Promise<Peer> {
    const known = this.known(credential)
    if (known !== undefined) return known
    if (credential.kind === 'client') return this.#remember(clientPeer(credential))
    const jws = await this.#source.byDigest(Buffer.from(credential.digest).toString('hex'))
    if (jws === undefined) throw new Refusal('not_admitted', 'the sender has no passport', { cause: 'unknown passport' })
    // The bucket is not trusted: what it gives must hash to what the frame named.
    if (!passportDigest(jws).equals(credential.digest)) throw new Refusal('not_admitted', 'the passport is another one')
    return this.#remember(await this.#verified(jws))
  }

  /** A member by its id, for what only that member can do; refuses `unavailable` when nobody of that name has a passport. */
  async resolveMember(member: string): Promise<Peer> {
    const jws = await this.#source.byMember(member)
    if (jws === undefined) throw new Refusal('unavailable', `member "${member}" has no passport`)
    const key = passportDigest(jws).toString('latin1')
    const known = this.#peers.get(key)
    const peer = this.#valid(known ?? this.#remember(await this.#verified(jws)))
    if (peer.sender.id !== member) throw new Refusal('not_admitted', 'the passport is of another member')
    return peer
  }

  /** The secret for frames between one of our keys and a peer, derived once. */
  secret(peer: Peer, own: KeyPair, ownId: string, direction: 'to_us' | 'from_us'): Buffer {
    const id = `${direction}:${ownId}`
    const cached = peer.secrets.get(id)
    if (cached !== undefined) return cached
    const [sender, receiver] =
      direction === 'to_us' ? [peer.sealingKey, own.publicKey] : [own.publicKey, peer.sealingKey]
    const secret = deriveSealingSecret(own, peer.sealingKey, sender, receiver)
    peer.secrets.set(id, secret)
    return secret
  }

  async #verified(jws: string): Promise<Peer> {
    const { issuerKey, manifest } = this.#anchor()
    const passport = await verifyPassport(jws, issuerKey, manifest, this.#clock.now())
    return {
      sender: { role: passport.role, id: passport.member },
      passport,
      signer: importSigningPublicKey(passport.signingKey),
      sealingKey: passport.sealingKey,
      expiresAtMs: passport.expiresAtMs,
      key: passportDigest(jws).toString('latin1'),
      secrets: new Map(),
    }
  }

  #remember(peer: Peer): Peer {
    if (this.#peers.size >= PEERS_MAX) {
      const oldest = this.#peers.keys().next().value
      if (oldest !== undefined) this.#peers.delete(oldest)
    }
    this.#peers.set(peer.key, peer)
    return this.#valid(peer)
  }

  #valid(peer: Peer): Peer {
    if (this.#revoked.has(peer.sender.id)) {
      throw new Refusal('not_admitted', 'the sender is not admitted', { cause: 'revoked' })
    }
    if (peer.expiresAtMs <= this.#clock.now()) {
      this.#peers.delete(peer.key)
      throw new Refusal('not_admitted', 'the sender is not admitted', { cause: 'passport expired' })
    }
    return peer
  }
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
  return `${Buffer.from(credential.signingKey).toString('latin1')}${Buffer.from(credential.sealingKey).toString('latin1')}`
}
