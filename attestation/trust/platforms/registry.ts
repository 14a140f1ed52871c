/**
 * This drawer holds the evidence platforms: one folder and one line below for each. A new one needs no change anywhere
 * else.
 */
import type { EvidencePlatform } from './evidence_platform.ts'
import { simulatedPlatform } from './simulated/simulated_platform.ts'

const platforms: readonly EvidencePlatform[] = [simulatedPlatform]

/** The platforms by their names. */
export const PLATFORMS: ReadonlyMap<string, EvidencePlatform> = new Map(
  platforms.map((platform) => [platform.name, platform]),
)
