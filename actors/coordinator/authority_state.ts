/**
 * What the coordinators of a deployment must agree on, and keep: the key that signs passports, the key that seals the
 * store, the key pairs of each group and epoch, and who was revoked. Pure decisions over that state; nothing here
 * talks.
 */
import { z } from 'zod'
import type { Manifest } from '../../attestation/index.ts'
import { exportSecret, generateSealingKey, generateSigningKey } from '../../attestation/index.ts'
import { bytes, mapValues, workerGroup } from '../../messages/index.ts'
import { randomBytes } from 'node:crypto'

const groupEpoch = z.strictObject({
  epoch: z.int().min(1),
  secret: bytes(32, 32),
  public_key: bytes(32, 32),
  starts_at: z.int(),
  ends_at: z.int(),
})
export type GroupEpoch = z.infer<typeof groupEpoch>

export const authorityState = z.strictObject({
  version: z.literal(1),
  /** Grows with each change, so that a broker that hands out an older document is found out. */
  serial: z.int().min(1),
  /** The manifest that admissions are appraised by at present. */
  manifest_digest: z.string(),
  issuer_secret: bytes(32, 32),
  nonce_key: bytes(32, 32),
  storage_key: bytes(32, 32),
  /** Seals the audit log. */
  audit_key: bytes(32, 32),
  groups: z.record(z.string(), z.array(groupEpoch)),
  /** Members that are not admitted or heard again, each with the moment until which it could still hold a passport. */
  revoked: z.array(z.strictObject({ member: z.string(), until: z.int() })),
})
export type AuthorityState = z.infer<typeof authorityState>
type Groups = AuthorityState['groups']

export interface EpochTimes {
  /** How long a group key is sealed with. */
  epochMs: number
  /** How much longer it is accepted. */
  overlapMs: number
  /** How long a key of a worker class is accepted: as long as a post may wait in the work queue. */
  postMs: number
  /** How long before its start the next epoch is released, so that every member holds it in time. */
  leadMs: number
}

export function newAuthorityState(): AuthorityState {
  return {
    version: 1,
    serial: 1,
    manifest_digest: '',
    issuer_secret: exportSecret(generateSigningKey()),
    nonce_key: randomBytes(32),
    storage_key: randomBytes(32),
    audit_key: randomBytes(32),
    groups: {},
    revoked: [],
  }
}

/** The groups of a manifest: one for each role that is called, one for each class of workers. */
export function groupsOf(manifest: Manifest): string[] {
  const classes = (manifest.roles['execution'] ?? []).flatMap((reference) => reference.classes ?? [])
  return [
    ...new Set([...Object.keys(manifest.roles).filter((role) => role !== 'execution'), ...classes.map(workerGroup)]),
  ]
}

/**
 * The state under another manifest, which may list other code than the one before. Whoever was admitted by one of them
 * cannot open what is sealed under the other: every group begins anew, and its earlier keys are dropped. Workers keep
 * theirs, since posts wait in the work queue for days; a post names a task and tells nothing more.
 */
export function withManifest(
  state: AuthorityState,
  manifestDigest: string,
  times: EpochTimes,
  nowMs: number,
): AuthorityState {
  if (state.manifest_digest === manifestDigest) return state
  const groups = mapValues<Groups, Groups>(state.groups, (held, group) => [
    ...(isWorkerGroup(group) ? held : []),
    newEpoch(group, (held.at(-1)?.epoch ?? 0) + 1, nowMs, times),
  ])
  return { ...state, manifest_digest: manifestDigest, groups }
}

/**
 * The state with every group's present epoch, and its next one when that is due; the same object when nothing changed.
 */
export function withDueEpochs(
  state: AuthorityState,
  groups: readonly string[],
  times: EpochTimes,
  nowMs: number,
): AuthorityState {
  let changed = false
  // Bounded by half an epoch: a longer lead would have one epoch after another made without end.
  const leadMs = Math.min(times.leadMs, times.epochMs / 2)
  const next: Record<string, GroupEpoch[]> = {}
  for (const group of groups) {
    const held = state.groups[group] ?? []
    const live = held.filter((epoch) => epoch.ends_at > nowMs)
    const latest = live.at(-1)
    if (latest === undefined || latest.starts_at + times.epochMs - leadMs <= nowMs) {
      const number = (held.at(-1)?.epoch ?? 0) + 1
      const startsAt = latest === undefined ? nowMs : Math.max(latest.starts_at + times.epochMs, nowMs)
      live.push(newEpoch(group, number, startsAt, times))
    }
    if (live.length !== held.length || live.at(-1) !== held.at(-1)) changed = true
    next[group] = live
  }
  const revoked = state.revoked.filter(({ until }) => until > nowMs)
  if (!changed && revoked.length === state.revoked.length) return state
  return { ...state, groups: { ...state.groups, ...next }, revoked }
}

/**
 * What a sender needs of a group: the epoch that began last, the one before for receivers whose clock is behind, and
 * those to come.
 */
export function sealingEpochs(held: readonly GroupEpoch[], nowMs: number): readonly GroupEpoch[] {
  const present = held.findLastIndex(({ starts_at }) => starts_at <= nowMs)
  return held.slice(Math.max(present - 1, 0))
}

export interface Revocation {
  member: string
  /** Those whose keys the member was given. */
  groups: readonly string[]
  times: EpochTimes
  nowMs: number
  /** How long a passport lasts. */
  passportMs: number
}

/** The state after a member was revoked: its groups get a new epoch at once, whose keys it is never given. */
export function withRevoked(
  state: AuthorityState,
  { member, groups, times, nowMs, passportMs }: Revocation,
): AuthorityState {
  if (state.revoked.some((entry) => entry.member === member)) return state
  const next: Record<string, GroupEpoch[]> = {}
  for (const group of groups) {
    const held = state.groups[group] ?? []
    // Epochs that have not begun were released ahead of time: the revoked member may hold them, so they are dropped.
    // The present one is accepted only as long as letters sealed with it can be under way, or posts can wait.
    const begun = held
      .filter((epoch) => epoch.starts_at <= nowMs)
      .map((epoch) => ({ ...epoch, ends_at: Math.min(epoch.ends_at, nowMs + overlapOf(group, times)) }))
    next[group] = [...begun, newEpoch(group, (held.at(-1)?.epoch ?? 0) + 1, nowMs, times)]
  }
  const revoked = [...state.revoked, { member, until: nowMs + 2 * passportMs }]
  return { ...state, groups: { ...state.groups, ...next }, revoked }
}

function isWorkerGroup(group: string): boolean {
  return group.startsWith(workerGroup(''))
}

function overlapOf(group: string, times: EpochTimes): number {
  return isWorkerGroup(group) ? times.postMs : times.overlapMs
}

function newEpoch(group: string, epoch: number, startsAt: number, times: EpochTimes): GroupEpoch {
  const key = generateSealingKey()
  return {
    epoch,
    secret: exportSecret(key),
    public_key: key.publicKey,
    starts_at: startsAt,
    ends_at: startsAt + times.epochMs + overlapOf(group, times),
  }
}
