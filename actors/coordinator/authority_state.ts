/**
 * What the coordinators of a deployment must agree on, and keep: the key that signs passports, the key that seals the
 * store, the key pairs of each group and epoch, and who was revoked. Pure decisions over that state; nothing here talks.
 */
import { z } from 'zod'
import type { Manifest } from '../../attestation/index.ts'
import { exportSecret, generateSealingKey, generateSigningKey } from '../../attestation/index.ts'
import { bytes, workerGroup } from '../../messages/index.ts'
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
  issuer_secret: bytes(32, 32),
  nonce_key: bytes(32, 32),
  storage_key: bytes(32, 32),
  groups: z.record(z.string(), z.array(groupEpoch)),
  /** Members that are not to be admitted or heard again, and until when anybody could still hold a passport of theirs. */
  revoked: z.array(z.strictObject({ member: z.string(), until: z.int() })),
})
export type AuthorityState = z.infer<typeof authorityState>

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
    issuer_secret: exportSecret(generateSigningKey()),
    nonce_key: randomBytes(32),
    storage_key: randomBytes(32),
    groups: {},
    revoked: [],
  }
}

/** The groups of a manifest: one for each role that is called, one for each class of workers. */
export function groupsOf(manifest: Manifest): string[] {
  const classes = (manifest.roles['execution'] ?? []).flatMap((reference) => reference.classes ?? [])
  return [...new Set([...Object.keys(manifest.roles).filter((role) => role !== 'execution'), ...classes.map(workerGroup)])]
}

/** The state with every group's present epoch, and its next one when that is due; the same object when nothing changed. */
export function withDueEpochs(state: AuthorityState, groups: readonly string[], times: EpochTimes, nowMs: number): AuthorityState {
  let changed = false
  const next: Record<string, GroupEpoch[]> = {}
  for (const group of groups) {
    const held = state.groups[group] ?? []
    const live = held.filter((epoch) => epoch.ends_at > nowMs)
    const latest = live.at(-1)
    if (latest === undefined || latest.starts_at + times.epochMs - times.leadMs <= nowMs) {
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

/** The state after a member was revoked: its groups get a new epoch at once, whose keys it is never given. */
export function withRevoked(
  state: AuthorityState,
  member: string,
  groups: readonly string[],
  times: EpochTimes,
  nowMs: number,
  passportMs: number,
): AuthorityState {
  if (state.revoked.some((entry) => entry.member === member)) return state
  const next: Record<string, GroupEpoch[]> = {}
  for (const group of groups) {
    const held = state.groups[group] ?? []
    // Epochs that have not begun were released ahead of time: the revoked member may hold them, so they are dropped. The
    // present one is accepted only as long as letters sealed with it can be under way.
    const begun = held
      .filter((epoch) => epoch.starts_at <= nowMs)
      .map((epoch) => ({ ...epoch, ends_at: Math.min(epoch.ends_at, nowMs + times.overlapMs) }))
    next[group] = [...begun, newEpoch(group, (held.at(-1)?.epoch ?? 0) + 1, nowMs, times)]
  }
  const revoked = [...state.revoked, { member, until: nowMs + 2 * passportMs }]
  return { ...state, groups: { ...state.groups, ...next }, revoked }
}

function newEpoch(group: string, epoch: number, startsAt: number, times: EpochTimes): GroupEpoch {
  const key = generateSealingKey()
  const overlapMs = group.startsWith(workerGroup('')) ? times.postMs : times.overlapMs
  return {
    epoch,
    secret: exportSecret(key),
    public_key: key.publicKey,
    starts_at: startsAt,
    ends_at: startsAt + times.epochMs + overlapMs,
  }
}
