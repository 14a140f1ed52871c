import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { leafHash, merklePath, merkleRoot, rootFromPath } from '../../../attestation/index.ts'

const letters = (count: number) => Array.from({ length: count }, (_, i) => Buffer.from(`\0\0\0\x08letter${i}`))
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** The root as the words of docs/protocol.md say it: split from the left, in pairs, level by level. */
function rootByTheBook(leaves: readonly string[]): string {
  if (leaves.length === 1) return leaves[0]!
  const above: string[] = []
  for (let i = 0; i < leaves.length; i += 2) {
    const right = leaves[i + 1]
    above.push(right === undefined ? leaves[i]! : sha256(`\x01${leaves[i]}${right}`))
  }
  return rootByTheBook(above)
}

describe('the tree of a frame', () => {
  test.each(Array.from({ length: 33 }, (_, i) => i + 1))('with %i letters, each path leads to the root', (count) => {
    const leaves = letters(count).map(leafHash)
    const root = merkleRoot(leaves)
    expect(root).toBe(rootByTheBook(leaves))
    for (const [index, leaf] of leaves.entries()) {
      const path = merklePath(leaves, index)
      expect(rootFromPath(leaf, path)).toBe(root)
      expect(path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(count)))
    }
  })

  test('a tree of none is a defect', () => {
    expect(() => merkleRoot([])).toThrow('at least one leaf')
  })

  test('one letter is its own root', () => {
    const letter = Buffer.from('\0\0\0\x01x')
    expect(merkleRoot([leafHash(letter)])).toBe(sha256(letter))
  })

  const leaf = fc.uint8Array({ minLength: 4, maxLength: 40 }).map((bytes) => leafHash(bytes))
  const leavesOf = fc.array(leaf, { minLength: 1, maxLength: 70 })

  test('another leaf in a path leads elsewhere', () => {
    fc.assert(
      fc.property(leavesOf, fc.nat(), leaf, (leaves, at, other) => {
        const index = at % leaves.length
        fc.pre(other !== leaves[index])
        expect(rootFromPath(other, merklePath(leaves, index))).not.toBe(merkleRoot(leaves))
      }),
    )
  })

  test('any change of a leaf, of their order or of their number changes the root', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(leaf, { minLength: 2, maxLength: 70 }),
        fc.nat(),
        fc.nat(),
        leaf,
        (leaves, a, b, other) => {
          const root = merkleRoot(leaves)
          const [i, j] = [a % leaves.length, b % leaves.length]
          fc.pre(i !== j && !leaves.includes(other))
          expect(merkleRoot(leaves.with(i, other))).not.toBe(root)
          expect(merkleRoot(leaves.with(i, leaves[j]!).with(j, leaves[i]!))).not.toBe(root)
          expect(merkleRoot(leaves.slice(0, -1))).not.toBe(root)
          expect(merkleRoot([...leaves, other])).not.toBe(root)
          // The trap of trees that double an odd leaf.
          expect(merkleRoot([...leaves, leaves.at(-1)!])).not.toBe(root)
        },
      ),
    )
  })

  test('a node above cannot pass for a letter: a letter begins with a zero byte, a pair with a one', () => {
    const [left, right] = letters(2).map(leafHash)
    const pair = Buffer.from(`\x01${left}${right}`)
    expect(leafHash(pair)).toBe(merkleRoot([left!, right!]))
    expect(letters(1)[0]![0]).toBe(0)
    expect(pair[0]).toBe(1)
  })
})
