/**
 * The Merkle tree over a frame's letters: one signature over the root serves all of them, and each letter can be shown
 * to a third party with its path. A leaf is hashed with its length in front, which begins with 0x00, and a pair is
 * hashed behind 0x01, so that neither can be taken for the other (RFC 6962). A node without a neighbour moves up as it
 * is. Nodes are hex strings, which Node hashes twice as fast as buffers.
 */
import { hash as nodeHash } from 'node:crypto'

/**
 * @param letter the letter behind its length (u32, big-endian), as it lies in a frame
 * @returns SHA-256, 64 hex digits
 */
export function leafHash(letter: Uint8Array): string {
  return nodeHash('sha256', letter, 'hex')
}

/** @param leaves at least one */
export function merkleRoot(leaves: readonly string[]): string {
  let level = leaves
  while (level.length > 1) level = parents(level)
  const root = level[0]
  if (root === undefined) throw new Error('a tree has at least one leaf')
  return root
}

/** One step from a leaf to the root: the sibling, and the side that it is on. */
export interface MerkleStep {
  sibling: string
  side: 'left' | 'right'
}

export function merklePath(leaves: readonly string[], index: number): MerkleStep[] {
  const path: MerkleStep[] = []
  let level = leaves
  let at = index
  while (level.length > 1) {
    const sibling = level[at ^ 1]
    if (sibling !== undefined) path.push({ sibling, side: at % 2 === 0 ? 'right' : 'left' })
    level = parents(level)
    at >>= 1
  }
  return path
}

/** The root that a leaf and its path lead to. */
export function rootFromPath(leaf: string, path: readonly MerkleStep[]): string {
  return path.reduce((node, { sibling, side }) => (side === 'right' ? pair(node, sibling) : pair(sibling, node)), leaf)
}

function parents(level: readonly string[]): string[] {
  const above: string[] = []
  for (let i = 0; i < level.length; i += 2) {
    const left = level[i]!
    const right = level[i + 1]
    above.push(right === undefined ? left : pair(left, right))
  }
  return above
}

// Digests are hashed as their hex text. Both sides do so, and it saves two conversions for each node.
function pair(left: string, right: string): string {
  return sha256Hex(`\x01${left}${right}`)
}

function sha256Hex(text: string): string {
  return nodeHash('sha256', text, 'hex')
}
