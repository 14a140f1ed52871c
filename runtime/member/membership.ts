/**
 * What makes a process a member: whom it trusts, its passport, and the keys of its groups. They are had from whoever
 * admits members, and renewed until the member leaves.
 */
import type { Passport } from '../../attestation/index.ts'
import { readOwnPassport } from '../../attestation/index.ts'
import { Refusal } from '../../messages/index.ts'
import type { Admission, AdmissionSource } from '../channel/enrolment.ts'
import type { Identity } from '../channel/identity.ts'
import type { KeyRing } from '../channel/key_ring.ts'
import type { Peers, TrustAnchor } from '../channel/peers.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { Renewal } from './renewal.ts'

/** What learns of each admission. */
export interface Holders {
  identity: Pick<Identity, 'admit'>
  keyRing: Pick<KeyRing, 'learn' | 'update'>
  peers: Pick<Peers, 'revoke'>
}

export interface MembershipOptions {
  clock: Clock
  log: Log
  /** Called at most once, when the member cannot go on. */
  onLost: (refusal: Refusal) => void
}

export class Membership {
  readonly #options: MembershipOptions
  #anchor: TrustAnchor | undefined
  #held: { admission: Admission; passport: Passport } | undefined
  #renewal: Renewal | undefined
  #stopListening: () => void = () => {}

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  /** Whom we trust; refuses `unavailable` before the coordinator has proved itself. */
  get anchor(): TrustAnchor {
    return this.#anchor ?? refuse()
  }

  /** What we were given last; refuses `unavailable` before we are admitted. */
  get admission(): Admission {
    return (this.#held ?? refuse()).admission
  }

  /** What our passport says; refuses `unavailable` before we are admitted. */
  get passport(): Passport {
    return (this.#held ?? refuse()).passport
  }

  /**
   * Is admitted, and begins to renew. Call it once.
   * @param listen begins to listen for changes of keys, and returns how to stop; called before the first admission, so
   * that
   *   no change falls between
   */
  async begin(source: AdmissionSource, holders: Holders, listen: () => () => void): Promise<void> {
    const { clock, log, onLost } = this.#options
    const accept = (next: Admission) => this.#accept(next, holders)
    const renewal = new Renewal({ source, accept, clock, log, onLost })
    this.#renewal = renewal
    this.#stopListening = listen()
    const proof = await source.connect()
    this.#anchor = proof.anchor
    holders.keyRing.learn(proof.groups)
    const first = await source.admit()
    accept(first)
    renewal.start(first.expiresAtMs)
  }

  /** Asks for a renewal soon, because keys may have changed. */
  renewSoon(): void {
    this.#renewal?.request()
  }

  /** Listens and renews no more. */
  end(): void {
    this.#stopListening()
    this.#renewal?.stop()
  }

  #accept(admission: Admission, { identity, keyRing, peers }: Holders): void {
    this.#held = { admission, passport: readOwnPassport(admission.passport) }
    identity.admit(admission.passport)
    keyRing.update(admission.keys, admission.directory)
    peers.revoke(admission.revoked)
  }
}

function refuse(): never {
  throw new Refusal('unavailable', 'this member is not admitted yet')
}
