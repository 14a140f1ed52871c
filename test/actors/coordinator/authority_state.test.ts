import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseManifest } from '../../../attestation/index.ts'
import type { AuthorityState, EpochTimes } from '../../../actors/coordinator/authority_state.ts'
import {
  authorityState,
  groupsOf,
  newAuthorityState,
  sealingEpochs,
  withDueEpochs,
  withManifest,
  withRevoked,
} from '../../../actors/coordinator/authority_state.ts'
import { pack, unpack } from '../../../messages/index.ts'

const HOUR = 3_600_000
const times: EpochTimes = { epochMs: HOUR, overlapMs: 1_200_000, postMs: 7 * 24 * HOUR, leadMs: 600_000 }
const START = 1_800_000_000_000
const groups = ['desk', 'execution-standard']

const begun = () => withDueEpochs(newAuthorityState(), groups, times, START)
const epochsOf = (state: AuthorityState, group = 'desk') => state.groups[group]!.map(({ epoch }) => epoch)
/** The epoch that everybody seals with at a moment. */
const presentAt = (state: AuthorityState, nowMs: number, group = 'desk') =>
  state.groups[group]!.findLast(({ starts_at, ends_at }) => starts_at <= nowMs && nowMs < ends_at)

describe('the groups of a manifest', () => {
  test('are one for each role, and one for each class of workers', () => {
    const reference = { platform: 'simulated', measurement: 'ab'.repeat(32) }
    const manifest = parseManifest(
      JSON.stringify({
        apiVersion: 'v1',
        name: 'x',
        platforms: {},
        roles: {
          desk: [reference],
          execution: [
            { ...reference, classes: ['standard', 'special'] },
            { ...reference, classes: ['standard'] },
          ],
        },
      }),
    )
    expect(groupsOf(manifest)).toEqual(['desk', 'execution-standard', 'execution-special'])
  })
})

describe('a state', () => {
  test('is new with keys of its own, and can be kept', () => {
    const [one, two] = [newAuthorityState(), newAuthorityState()]
    for (const key of ['issuer_secret', 'nonce_key', 'storage_key', 'audit_key'] as const) {
      expect(one[key]).toHaveLength(32)
      expect(one[key]).not.toEqual(two[key])
    }
    const kept = authorityState.parse(unpack(pack(begun()), 1_000_000))
    expect(epochsOf(kept)).toEqual([1])
  })
})

describe('epochs', () => {
  test('begin with the group, and nothing changes until the next is due', () => {
    const state = begun()
    expect(epochsOf(state)).toEqual([1])
    expect(withDueEpochs(state, groups, times, START + HOUR - 600_001)).toBe(state)
  })

  test('are made ahead of their start, so that every member holds them in time', () => {
    const state = withDueEpochs(begun(), groups, times, START + HOUR - 600_000)
    expect(epochsOf(state)).toEqual([1, 2])
    expect(state.groups['desk']![1]!.starts_at).toBe(START + HOUR)
    expect(presentAt(state, START + HOUR - 1)?.epoch).toBe(1)
    expect(presentAt(state, START + HOUR)?.epoch).toBe(2)
  })

  test('are accepted for the overlap after the next began, those of workers as long as a post may wait', () => {
    const [service, worker] = [begun().groups['desk']![0]!, begun().groups['execution-standard']![0]!]
    expect(service.ends_at).toBe(START + HOUR + times.overlapMs)
    expect(worker.ends_at).toBe(START + HOUR + times.postMs)
  })

  test('go on after everybody was away for long, with a number that was never used', () => {
    const state = withDueEpochs(begun(), groups, times, START + 30 * 24 * HOUR)
    expect(epochsOf(state)).toEqual([2])
    expect(presentAt(state, START + 30 * 24 * HOUR)?.epoch).toBe(2)
  })

  test('always have one to seal with, never repeat a number, and never pile up, whenever the coordinator looks', () => {
    const anyTimes = fc.record({
      epochMs: fc.integer({ min: 10_000, max: 5 * HOUR }),
      overlapMs: fc.integer({ min: 60_000, max: HOUR }),
      postMs: fc.integer({ min: HOUR, max: 10 * HOUR }),
      leadMs: fc.integer({ min: 1_000, max: 5 * HOUR }),
    })
    fc.assert(
      fc.property(anyTimes, fc.array(fc.integer({ min: 1, max: 20_000 }), { maxLength: 100 }), (chosen, steps) => {
        let nowMs = START
        let state = withDueEpochs(newAuthorityState(), ['desk'], chosen, nowMs)
        for (const step of steps) {
          nowMs += step
          state = withDueEpochs(state, ['desk'], chosen, nowMs)
          const held = state.groups['desk']!
          expect(presentAt(state, nowMs)).toBeDefined()
          expect(held.map(({ epoch }) => epoch)).toEqual([...new Set(epochsOf(state))].sort((a, b) => a - b))
          expect(held.filter(({ starts_at }) => starts_at > nowMs).length).toBeLessThanOrEqual(1)
          expect(held.length).toBeLessThanOrEqual(Math.ceil(chosen.overlapMs / chosen.epochMs) + 3)
        }
      }),
    )
  })
})

describe('what a sender is told', () => {
  test('is the present epoch, the one before for a clock that is behind, and those to come', () => {
    let state = begun()
    for (let hour = 1; hour <= 5; hour += 1) state = withDueEpochs(state, groups, times, START + hour * HOUR - 600_000)
    const worker = state.groups['execution-standard']!
    expect(worker).toHaveLength(6)
    const told = sealingEpochs(worker, START + 5 * HOUR - 600_000).map(({ epoch }) => epoch)
    expect(told).toEqual([4, 5, 6])
    expect(sealingEpochs(begun().groups['desk']!, START).map(({ epoch }) => epoch)).toEqual([1])
    expect(sealingEpochs([], START)).toEqual([])
  })
})

describe('a revoked member', () => {
  const revoke = (state: AuthorityState, nowMs: number, group = 'desk') =>
    withRevoked(state, { member: 'desk-1', groups: [group], times, nowMs, passportMs: 600_000 })

  test('ends the present epoch after the overlap, and begins one that it was never given', () => {
    const before = begun()
    const after = revoke(before, START + 1000)
    expect(epochsOf(after)).toEqual([1, 2])
    expect(presentAt(after, START + 1000)?.epoch).toBe(2)
    expect(after.groups['desk']![0]!.ends_at).toBe(START + 1000 + times.overlapMs)
    expect(after.groups['desk']![1]!.secret).not.toEqual(before.groups['desk']![0]!.secret)
    expect(epochsOf(after, 'execution-standard')).toEqual([1])
  })

  test('takes epochs with it that it may hold already though they have not begun, and their numbers', () => {
    const ahead = withDueEpochs(begun(), groups, times, START + HOUR - 600_000)
    const after = revoke(ahead, START + HOUR - 500_000)
    expect(epochsOf(after)).toEqual([1, 3])
    expect(after.groups['desk']!.map(({ secret }) => secret)).not.toContainEqual(ahead.groups['desk']![1]!.secret)
  })

  test('of a worker class takes no post with it that waits in the queue', () => {
    const before = begun()
    const after = revoke(before, START + 1000, 'execution-standard')
    expect(presentAt(after, START + 1000, 'execution-standard')?.epoch).toBe(2)
    expect(after.groups['execution-standard']![0]!.ends_at).toBe(START + 1000 + times.postMs)
  })

  test('is revoked once, and remembered for as long as a passport of it could live', () => {
    const after = revoke(begun(), START)
    expect(after.revoked).toEqual([{ member: 'desk-1', until: START + 1_200_000 }])
    expect(revoke(after, START + 5)).toBe(after)
    expect(withDueEpochs(after, groups, times, START + 1_199_999).revoked).toHaveLength(1)
    expect(withDueEpochs(after, groups, times, START + 1_200_000).revoked).toEqual([])
  })
})

describe('another manifest', () => {
  test('begins every group anew, and drops the keys before', () => {
    const before = withManifest(begun(), 'one', times, START)
    const after = withManifest(before, 'two', times, START + 5)
    expect(after.manifest_digest).toBe('two')
    expect(epochsOf(after)).toEqual([epochsOf(before).at(-1)! + 1])
    expect(after.groups['desk']!.map(({ secret }) => secret)).not.toContainEqual(before.groups['desk']!.at(-1)!.secret)
  })

  test('keeps what opens posts, the stored data, and the key that signs passports', () => {
    const before = withManifest(begun(), 'one', times, START)
    const after = withManifest(before, 'two', times, START + 5)
    expect(after.groups['execution-standard']!.length).toBe(before.groups['execution-standard']!.length + 1)
    expect(after.storage_key).toBe(before.storage_key)
    expect(after.issuer_secret).toBe(before.issuer_secret)
  })

  test('that is the same one changes nothing', () => {
    const state = withManifest(begun(), 'one', times, START)
    expect(withManifest(state, 'one', times, START + 5)).toBe(state)
  })
})
