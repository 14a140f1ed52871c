import { setImmediate as nextTurn, setTimeout as later } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { FRAME_BYTES_TARGET, FRAME_LETTERS_MAX } from '../../../messages/index.ts'
import type { FrameUnderWay } from '../../../runtime/channel/frame_gatherer.ts'
import { FrameGatherer } from '../../../runtime/channel/frame_gatherer.ts'

interface Item {
  letter: Uint8Array
  name: string
}

function sampleGatherer() {
  const frames: FrameUnderWay<Item>[] = []
  const gatherer = new FrameGatherer<Item>((frame) => frames.push(frame))
  return {
    gatherer,
    frames,
    push: (name: string, bytes = 10) => gatherer.push({ name, letter: new Uint8Array(bytes) }),
    names: () => frames.map(({ items }) => items.map(({ name }) => name).join('')),
  }
}

describe('the frame gatherer', () => {
  test('sends one letter alone at the end of its turn', async () => {
    const { push, names } = sampleGatherer()
    push('a')
    expect(names()).toEqual([])
    await nextTurn()
    expect(names()).toEqual(['a'])
  })

  test('sends all letters of one turn in one frame', async () => {
    const { push, names } = sampleGatherer()
    for (const name of 'abc') push(name)
    await nextTurn()
    expect(names()).toEqual(['abc'])
  })

  test('has two frames under way, and lets the rest gather until one is answered', async () => {
    const { gatherer, push, frames, names } = sampleGatherer()
    for (const name of 'abcd') {
      push(name)
      await nextTurn()
    }
    expect(names()).toEqual(['a', 'b'])
    gatherer.release(frames[0]!)
    await nextTurn()
    expect(names()).toEqual(['a', 'b', 'cd'])
  })

  test('counts an answered frame once', async () => {
    const { gatherer, push, frames, names } = sampleGatherer()
    for (const name of 'abc') {
      push(name)
      await nextTurn()
    }
    gatherer.release(frames[0]!)
    gatherer.release(frames[0]!)
    await nextTurn()
    push('d')
    await nextTurn()
    expect(names()).toEqual(['a', 'b', 'c'])
  })

  test('does not let a slow answer hold back what waits behind it', async () => {
    const { push, names } = sampleGatherer()
    for (const name of 'abc') {
      push(name)
      await nextTurn()
    }
    while (names().length < 3) await later(1)
    expect(names()).toEqual(['a', 'b', 'c'])
  })

  test('sends many letters in two halves when nothing is under way: one is opened as the other is sealed', async () => {
    const { push, frames } = sampleGatherer()
    for (let i = 0; i < 100; i += 1) push('x')
    await nextTurn()
    await nextTurn()
    expect(frames.map(({ items }) => items.length)).toEqual([50, 50])
  })

  test('closes a frame at its number of letters and at its size', async () => {
    const { push, frames } = sampleGatherer()
    for (let i = 0; i < FRAME_LETTERS_MAX + 1; i += 1) push('x')
    await nextTurn()
    expect(frames.map(({ items }) => items.length)).toEqual([FRAME_LETTERS_MAX, 1])

    const sized = sampleGatherer()
    sized.push('a', FRAME_BYTES_TARGET - 1)
    sized.push('b', 2)
    await nextTurn()
    expect(sized.names()).toEqual(['a', 'b'])
  })

  test('lets a letter that is larger than a frame should be travel alone', async () => {
    const { push, names } = sampleGatherer()
    push('a')
    push('b', 3 * FRAME_BYTES_TARGET)
    push('c')
    while (names().length < 3) await later(1)
    expect(names()).toEqual(['a', 'b', 'c'])
  })

  test('refuses rather than grows', () => {
    const { push } = sampleGatherer()
    expect(() => {
      for (let i = 0; i < 30_000; i += 1) push('x')
    }).toThrow(expect.objectContaining({ code: 'overloaded' }))
  })
})
