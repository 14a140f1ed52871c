import { describe, expect, test } from 'vitest'
import type { FrameContent } from '../../../../attestation/index.ts'
import { frameDigest } from '../../../../attestation/index.ts'
import type { Log } from '../../../../runtime/index.ts'
import { AwaitedSignatures, encodeFrameStatement, ManualClock, silentLog } from '../../../../runtime/index.ts'

const content = (text: string): FrameContent => ({
  headerBytes: Buffer.from(`header of ${text}`),
  framed: [Buffer.from(`\0\0\0\u0001${text}`)],
})
const frameId = (n: number) => Buffer.alloc(16, n)
const statementOf = (n: number, text: string) => encodeFrameStatement(frameId(n), frameDigest(content(text)))

function await_(framesMax?: number) {
  const clock = new ManualClock(0)
  const distrusted: string[] = []
  const told: { level: string; fields: object }[] = []
  const log: Log = {
    ...silentLog,
    warn: (fields: object) => void told.push({ level: 'warn', fields }),
    error: (fields: object) => void told.push({ level: 'error', fields }),
  }
  const awaited = new AwaitedSignatures(clock, log, (member) => distrusted.push(member), framesMax)
  return { clock, distrusted, told, awaited }
}

describe('a signature that is awaited', () => {
  test('is no longer awaited once the member that owes it has signed the same', () => {
    const { awaited, distrusted } = await_()
    awaited.add('a-1', frameId(1), content('one'))
    awaited.add('a-1', frameId(2), content('two'))
    awaited.take('a-2', [statementOf(1, 'one')])
    expect(awaited.size).toBe(2)
    awaited.take('a-1', [statementOf(2, 'two'), statementOf(1, 'one')])
    expect(awaited.size).toBe(0)
    expect(distrusted).toEqual([])
  })

  test('is checked against its own frame, whatever the order', async () => {
    const { awaited, distrusted } = await_()
    for (let n = 0; n < 200; n += 1) awaited.add('a-1', frameId(n), content(`${n}`))
    await new Promise((resolve) => setImmediate(resolve))
    const statements = Array.from({ length: 200 }, (_, n) => statementOf(n, `${n}`)).reverse()
    awaited.take('a-1', statements.slice(0, 77))
    awaited.take('a-1', statements.slice(77))
    expect([awaited.size, distrusted]).toEqual([0, []])
  })

  test('that contradicts its frame costs its sender all trust', () => {
    const { awaited, distrusted, told } = await_()
    awaited.add('a-1', frameId(1), content('one'))
    awaited.take('a-1', [statementOf(1, 'another')])
    expect(distrusted).toEqual(['a-1'])
    expect(told).toEqual([{ level: 'error', fields: { member: 'a-1' } }])
  })

  test('of a frame that never came here is nothing to us', () => {
    const { awaited, distrusted } = await_()
    awaited.take('a-1', [statementOf(1, 'one')])
    expect([awaited.size, distrusted]).toEqual([0, []])
  })

  test('is refused in any other form', () => {
    const { awaited } = await_()
    for (const length of [0, 47, 49]) {
      expect(() => awaited.take('a-1', [Buffer.alloc(length)])).toThrow(expect.objectContaining({ code: 'malformed' }))
    }
  })

  test('and never comes is told of, and forgotten', () => {
    const { awaited, clock, told } = await_()
    awaited.add('a-1', frameId(1), content('one'))
    clock.advance(70_000)
    awaited.checkRoom()
    expect([awaited.size, told]).toEqual([1, []])
    clock.advance(70_000)
    awaited.checkRoom()
    expect(awaited.size).toBe(0)
    expect(told).toEqual([{ level: 'warn', fields: { frames: 1, of: ['a-1'] } }])
  })

  test('leaves no room for more when there are too many', () => {
    const { awaited } = await_(2)
    awaited.add('a-1', frameId(1), content('one'))
    awaited.checkRoom()
    awaited.add('a-1', frameId(2), content('two'))
    expect(() => awaited.checkRoom()).toThrow(expect.objectContaining({ code: 'overloaded' }))
    awaited.take('a-1', [statementOf(1, 'one')])
    awaited.checkRoom()
  })
})
