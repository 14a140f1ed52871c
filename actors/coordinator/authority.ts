/**
 * The authority of a deployment: appraises evidence against the manifest, issues passports, releases group keys. Its
 * state is one sealed document in a register that all coordinator members share; any of them can take over.
 */
import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import type { KeyPair, Manifest, Passport, MemberStatement } from '../../attestation/index.ts'
import {
  appraise,
  ENDORSEMENT_NONCE,
  coordinatorReportData,
  importSigningKey,
  issuePassport,
  manifestDigest,
  memberReportData,
  parseManifest,
  passportDigest,
  seal,
  unseal,
  verifyEvidence,
  verifyPassport,
} from '../../attestation/index.ts'
import type { EvidenceNote, PrivateGroupKey, PublicGroupKey } from '../../messages/index.ts'
import { defined, pack, Refusal, unpack, workerGroup } from '../../messages/index.ts'
import type { Admission, Clock, PassportBucket, Register, RegisterEntry } from '../../runtime/index.ts'
import { retryOnConflict } from '../../runtime/index.ts'
import type { AuthorityState, EpochTimes } from './authority_state.ts'
import {
  authorityState,
  groupsOf,
  newAuthorityState,
  sealingEpochs,
  withDueEpochs,
  withManifest,
  withRevoked,
} from './authority_state.ts'

const STATE_BYTES_MAX = 512 * 1024
const NONCE_LIFE_MS = 60_000
/** All coordinators of a deployment begin the same epoch at the same moment. */
const TRIES_MAX = 16
/** The services that write the audit log; management reads it too. */
const AUDITORS: readonly string[] = ['authentication', 'frontend', 'management', 'access_control']
/** A member's name stands in subjects and keys of buckets. */
const MEMBER = /^[A-Za-z0-9_-]{1,80}$/

export interface AuthorityOptions {
  register: Register
  passports: PassportBucket
  /** 32 bytes from the device: opens the register's document after a restart. */
  sealingKey: Uint8Array
  manifestText: string
  attest: (reportData: Uint8Array) => Promise<EvidenceNote>
  clock: Clock
  /** How long a passport lasts. */
  passportMs: number
  times: EpochTimes
}

/** What a member shows to be admitted. */
export interface Applicant extends MemberStatement {
  evidence: EvidenceNote
}

export class Authority {
  readonly #options: AuthorityOptions
  readonly manifest: Manifest
  readonly #manifestDigest: string
  readonly #groups: string[]
  #state: AuthorityState
  #revision: number
  readonly #issuerKey: KeyPair
  #endorsement: EvidenceNote | undefined

  private constructor(options: AuthorityOptions, state: AuthorityState, revision: number) {
    this.#options = options
    this.manifest = parseManifest(options.manifestText)
    this.#manifestDigest = manifestDigest(options.manifestText)
    this.#groups = groupsOf(this.manifest)
    this.#state = state
    this.#revision = revision
    this.#issuerKey = importSigningKey(state.issuer_secret)
  }

  /**
   * Unseals the state, or makes it if there is none yet; coordinators that start together agree on one. From now on
   * members are admitted by this manifest, and a coordinator that works by another is refused the state.
   */
  static async open(options: AuthorityOptions): Promise<Authority> {
    const { times, clock, sealingKey } = options
    const entry = await findOrMakeState(options)
    const authority = new Authority(options, readState(entry.value, sealingKey), entry.revision)
    await authority.#update(
      (state) => withManifest(state, authority.#manifestDigest, times, clock.now()),
      'any manifest',
    )
    await authority.refresh()
    return authority
  }

  get issuerKey(): Uint8Array {
    return this.#issuerKey.publicKey
  }

  get manifestText(): string {
    return this.#options.manifestText
  }

  /**
   * Fresh evidence that this coordinator holds the passport-signing key, and works by its manifest.
   * @param statement what else the evidence vouches for
   */
  prove(nonce: Uint8Array, statement: Readonly<Record<string, unknown>> = {}): Promise<EvidenceNote> {
    const { issuerKey } = this
    return this.#options.attest(
      coordinatorReportData({ issuerKey, nonce, manifestDigest: this.#manifestDigest, statement }),
    )
  }

  /** A nonce that any coordinator member recognises for a minute, without remembering it. */
  makeNonce(): Uint8Array {
    const head = Buffer.alloc(16)
    head.writeUIntBE(this.#options.clock.now(), 0, 6)
    randomBytes(10).copy(head, 6)
    return Buffer.concat([head, this.#nonceMac(head)])
  }

  /** Admits a member, or refuses with every reason. */
  async admit(applicant: Applicant): Promise<Admission> {
    this.#checkNonce(applicant.nonce)
    if (!MEMBER.test(applicant.member)) {
      throw new Refusal('invalid_request', 'a member has 1 to 80 letters, digits, _ and - in its name', {
        field: 'member',
      })
    }
    await this.refresh()
    if (this.#state.revoked.some(({ member }) => member === applicant.member)) {
      throw new Refusal('revoked', `member "${applicant.member}" was revoked`, {
        hint: 'start it again under a new id',
      })
    }
    const claims = verifyEvidence(applicant.evidence, this.manifest.platforms)
    const { reasons, reference } = appraise(claims, applicant.role, applicant.workerClass, this.manifest)
    const expected = memberReportData(applicant)
    if (claims.reportData.length !== expected.length || !timingSafeEqual(claims.reportData, expected)) {
      reasons.push('the evidence was made for other keys, another role or another nonce')
    }
    if (reasons.length > 0 || reference === undefined) {
      throw new Refusal('platform_untrusted', `${applicant.member} is not admitted: ${reasons.join('; ')}`, {
        hint: 'build from the sources that the manifest was made from, or have the operator publish a new manifest',
      })
    }
    const now = this.#options.clock.now()
    const passport: Passport = {
      member: applicant.member,
      role: applicant.role,
      ...defined({ workerClass: applicant.workerClass }),
      platform: reference.platform,
      measurement: reference.measurement,
      signingKey: applicant.signingKey,
      sealingKey: applicant.sealingKey,
      issuedAtMs: now,
      expiresAtMs: now + this.#options.passportMs,
    }
    const jws = await issuePassport(this.#issuerKey, passport, this.#manifestDigest, randomUUID())
    await this.#options.passports.put(passport.member, passportDigest(jws).toString('hex'), jws)
    this.#endorsement ??= await this.prove(ENDORSEMENT_NONCE)
    return {
      passport: jws,
      expiresAtMs: passport.expiresAtMs,
      keys: this.#privateKeys(applicant),
      directory: this.directory(),
      secrets: this.#secretsFor(applicant.role),
      endorsement: this.#endorsement,
      revoked: this.#state.revoked.map(({ member }) => member),
    }
  }

  /** Revokes a member: no passport any more, and new keys for its groups. */
  async revoke(member: string): Promise<void> {
    const { role, workerClass } = await this.#findMember(member)
    const groups = this.#groupsFor(role, workerClass)
    const { clock, times, passportMs } = this.#options
    await this.#update((state) => withRevoked(state, { member, groups, times, nowMs: clock.now(), passportMs }))
  }

  /** The public keys of all groups, for sealing. It changes when letters are to be sealed under other keys. */
  directory(): PublicGroupKey[] {
    const now = this.#options.clock.now()
    return Object.entries(this.#state.groups).flatMap(([group, held]) =>
      sealingEpochs(held, now).map(({ epoch, public_key, starts_at, ends_at }) => ({
        group,
        epoch,
        public_key,
        starts_at,
        ends_at,
      })),
    )
  }

  /** Takes over what other coordinators decided, and begins the epochs that are due. */
  async refresh(): Promise<void> {
    const { times, clock } = this.#options
    await this.#update((state) => withDueEpochs(state, this.#groups, times, clock.now()))
  }

  /** The bucket is not trusted: what it gives must be our passport of that member, though it may have expired. */
  async #findMember(member: string): Promise<Passport> {
    const jws = MEMBER.test(member) ? await this.#options.passports.byMember(member) : undefined
    if (jws === undefined)
      throw new Refusal('not_found', `no member "${member}" has a passport`, {
        hint: 'nats micro ls shows who there is',
      })
    const atMs = Math.min(this.#options.clock.now(), expiryOf(jws) - 1)
    const passport = await verifyPassport(jws, this.issuerKey, this.manifest, atMs)
    if (passport.member !== member) throw new Refusal('not_admitted', `the passport of "${member}" is another member's`)
    return passport
  }

  async #update(decide: (state: AuthorityState) => AuthorityState, manifest: ManifestCheck = 'our manifest') {
    const { register, sealingKey } = this.#options
    const isChanged = await retryOnConflict(async () => {
      await this.#read(manifest)
      const next = decide(this.#state)
      if (next === this.#state) return false
      await register.replace(sealState({ ...next, serial: this.#state.serial + 1 }, sealingKey), this.#revision)
      return true
    }, TRIES_MAX)
    if (isChanged) await this.#read(manifest)
  }

  /** Takes over the present state, if it is a later one of our own. */
  async #read(manifest: ManifestCheck): Promise<void> {
    const { register, sealingKey } = this.#options
    const entry = await register.read()
    if (entry === undefined) throw stateGone()
    if (entry.revision !== this.#revision) {
      const state = readState(entry.value, sealingKey)
      const isOurs = Buffer.from(state.issuer_secret).equals(this.#state.issuer_secret)
      if (!isOurs || state.serial < this.#state.serial) {
        throw new Refusal('state_damaged', "the broker handed out an older state of the coordinator's, or another one")
      }
      this.#state = state
      this.#revision = entry.revision
    }
    if (manifest === 'our manifest' && this.#state.manifest_digest !== this.#manifestDigest) {
      throw new Refusal('state_in_use', 'a coordinator with another manifest has taken this deployment over', {
        hint: 'stop one of the two',
      })
    }
  }

  #secretsFor(role: string): Record<string, Uint8Array> {
    if (role === 'storage') return { storage_key: this.#state.storage_key }
    return AUDITORS.includes(role) ? { audit_key: this.#state.audit_key } : {}
  }

  #groupsFor(role: string, workerClass: string | undefined): string[] {
    if (role === 'execution') return workerClass === undefined ? [] : [workerGroup(workerClass)]
    return [role]
  }

  #privateKeys({ role, workerClass }: Applicant): PrivateGroupKey[] {
    return this.#groupsFor(role, workerClass).flatMap((group) =>
      (this.#state.groups[group] ?? []).map(({ epoch, secret, public_key, starts_at, ends_at }) => ({
        group,
        epoch,
        public_key,
        private_key: secret,
        starts_at,
        ends_at,
      })),
    )
  }

  #nonceMac(head: Uint8Array): Buffer {
    return createHmac('sha256', this.#state.nonce_key).update(head).digest().subarray(0, 16)
  }

  #checkNonce(nonce: Uint8Array): void {
    const bytes = Buffer.from(nonce)
    const head = bytes.subarray(0, 16)
    const ours = bytes.length === 32 && timingSafeEqual(bytes.subarray(16), this.#nonceMac(head))
    const ageMs = ours ? this.#options.clock.now() - head.readUIntBE(0, 6) : NONCE_LIFE_MS
    if (!ours || ageMs >= NONCE_LIFE_MS) {
      throw new Refusal('expired', 'the nonce is not of this coordinator, or too old', { hint: 'ask for a new nonce' })
    }
  }
}

/** Whether the present state must be by this coordinator's manifest. */
type ManifestCheck = 'our manifest' | 'any manifest'

/** The stored state, or a new one where there is none; coordinators that start together find the same. */
function findOrMakeState({ register, sealingKey }: AuthorityOptions): Promise<RegisterEntry> {
  return retryOnConflict(async () => {
    const found = await register.read()
    if (found !== undefined) return found
    await register.replace(sealState(newAuthorityState(), sealingKey), 0)
    const made = await register.read()
    if (made === undefined) throw stateGone()
    return made
  }, TRIES_MAX)
}

function stateGone(): Refusal {
  return new Refusal('state_damaged', "the coordinator's state is gone from the broker")
}

function sealState(state: AuthorityState, key: Uint8Array): Uint8Array {
  return seal(key, 'coordinator state', pack(state))
}

function readState(bytes: Uint8Array, key: Uint8Array): AuthorityState {
  try {
    return authorityState.parse(unpack(unseal(key, 'coordinator state', bytes), STATE_BYTES_MAX))
  } catch (cause) {
    throw new Refusal('state_damaged', "the coordinator's state cannot be unsealed", {
      hint: 'it belongs to another device or was changed; restore the state folder, or begin with an empty one',
      cause,
    })
  }
}

// Read before the passport is verified: only to choose the moment at which it must verify.
function expiryOf(jws: string): number {
  try {
    const { exp } = JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()) as { exp?: unknown }
    return typeof exp === 'number' ? exp * 1000 : 0
  } catch {
    return 0
  }
}
