/**
 * The authority of a deployment: appraises evidence against the manifest, issues passports, releases group keys. Its
 * state is one sealed document in a register that all coordinator members share; any of them can take over.
 */
import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import type { KeyPair, Manifest, Passport } from '../../attestation/index.ts'
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
} from '../../attestation/index.ts'
import type { EvidenceNote, PrivateGroupKey, PublicGroupKey } from '../../messages/index.ts'
import { pack, Refusal, unpack, workerGroup } from '../../messages/index.ts'
import type { Admission, Clock, PassportBucket, Register } from '../../runtime/index.ts'
import type { AuthorityState, EpochTimes } from './authority_state.ts'
import { authorityState, groupsOf, newAuthorityState, withDueEpochs, withRevoked } from './authority_state.ts'

const STATE_BYTES_MAX = 512 * 1024
const NONCE_LIFE_MS = 60_000
const TRIES_MAX = 16

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
export interface Applicant {
  role: string
  member: string
  workerClass: string | undefined
  signingKey: Uint8Array
  sealingKey: Uint8Array
  nonce: Uint8Array
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

  /** Unseals the state, or makes it where there is none yet; coordinators that start together agree on one. */
  static async open(options: AuthorityOptions): Promise<Authority> {
    for (let attempt = 0; attempt < TRIES_MAX; attempt += 1) {
      const entry = await options.register.read()
      if (entry !== undefined) {
        const authority = new Authority(options, readState(entry.value, options.sealingKey), entry.revision)
        await authority.#update((state) => state)
        return authority
      }
      const fresh = sealState(newAuthorityState(), options.sealingKey)
      await options.register.replace(fresh, 0).catch(ignoreConflict)
    }
    throw new Refusal('conflict', "the coordinator's state keeps changing")
  }

  get issuerKey(): Uint8Array {
    return this.#issuerKey.publicKey
  }

  get manifestText(): string {
    return this.#options.manifestText
  }

  /** Fresh evidence that this coordinator holds the passport-signing key. */
  prove(nonce: Uint8Array): Promise<EvidenceNote> {
    return this.#options.attest(coordinatorReportData(this.issuerKey, nonce))
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
    await this.refresh()
    if (this.#state.revoked.some(({ member }) => member === applicant.member)) {
      throw new Refusal('revoked', `member "${applicant.member}" was revoked`, { hint: 'start it again under a new id' })
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
      ...(applicant.workerClass === undefined ? {} : { workerClass: applicant.workerClass }),
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
      secrets: applicant.role === 'storage' ? { storage_key: this.#state.storage_key } : {},
      endorsement: this.#endorsement,
      revoked: this.#state.revoked.map(({ member }) => member),
    }
  }

  /** Revokes a member: no passport any more, and new keys for its groups. */
  async revoke(member: string): Promise<void> {
    const passport = await this.#options.passports.byMember(member)
    if (passport === undefined) throw new Refusal('not_found', `no member "${member}" has a passport`)
    const { role, worker_class: workerClass } = readClaims(passport)
    const groups = this.#groupsFor(role, workerClass)
    const { clock, times, passportMs } = this.#options
    await this.#update((state) => withRevoked(state, member, groups, times, clock.now(), passportMs))
  }

  /** The public keys of all groups, for sealing. */
  directory(): PublicGroupKey[] {
    return Object.entries(this.#state.groups).flatMap(([group, epochs]) =>
      epochs.map(({ epoch, public_key, starts_at, ends_at }) => ({ group, epoch, public_key, starts_at, ends_at })),
    )
  }

  /** Takes over what other coordinators decided, and begins the epochs that are due. */
  async refresh(): Promise<void> {
    const { times, clock } = this.#options
    await this.#update((state) => withDueEpochs(state, this.#groups, times, clock.now()))
  }

  async #update(decide: (state: AuthorityState) => AuthorityState): Promise<void> {
    const { register, sealingKey } = this.#options
    for (let attempt = 0; attempt < TRIES_MAX; attempt += 1) {
      const entry = await register.read()
      if (entry === undefined) throw new Refusal('state_damaged', "the coordinator's state is gone from the broker")
      if (entry.revision !== this.#revision) {
        this.#state = readState(entry.value, sealingKey)
        this.#revision = entry.revision
      }
      const next = decide(this.#state)
      if (next === this.#state) return
      await register.replace(sealState(next, sealingKey), this.#revision).catch(ignoreConflict)
    }
    throw new Refusal('conflict', "the coordinator's state keeps changing")
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

// Our own passports, signed by us: only read here.
function readClaims(passport: string): { role: string; worker_class?: string } {
  const claims = JSON.parse(Buffer.from(passport.split('.')[1] ?? '', 'base64url').toString()) as {
    tacit: { role: string; worker_class?: string }
  }
  return claims.tacit
}

function ignoreConflict(error: unknown): void {
  if (!(error instanceof Refusal) || error.code !== 'conflict') throw error
}
