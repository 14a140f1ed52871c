/** What every record stream must do, run for each implementation. */
import { describe, expect, it } from 'vitest'
import type { RecordStream } from '../../../runtime/audit/record_stream.ts'

const bytes = (text: string) => Buffer.from(text)

/** @param open gives an empty stream that takes no more than about 64 KiB in 64 records */
export function recordStreamContract(name: string, open: () => Promise<RecordStream>): void {
  describe(`record stream contract: ${name}`, () => {
    it('gives back what was appended, in order, once for each message id', async () => {
      const stream = await open()
      expect(await stream.range()).toEqual({ first: 1, last: 0 })
      for (const id of ['a', 'b', 'b', 'c']) await stream.append(id, bytes(id))
      const { first, last } = await stream.range()
      expect([first, last]).toEqual([1, 3])
      const read = await stream.read(1, 3)
      expect(read.map(({ seq, body }) => [seq, Buffer.from(body).toString()])).toEqual([
        [1, 'a'],
        [2, 'b'],
        [3, 'c'],
      ])
      expect((await stream.read(2, 9)).map(({ seq }) => seq)).toEqual([2, 3])
      expect(await stream.read(4, 3)).toEqual([])
    })

    it('refuses when it is full, and keeps what it has', async () => {
      const stream = await open()
      await stream.append('first', Buffer.alloc(1000))
      const fill = async () => {
        for (let count = 0; count < 100; count += 1) await stream.append(`more ${count}`, Buffer.alloc(1000))
      }
      await expect(fill()).rejects.toMatchObject({ code: 'overloaded' })
      expect((await stream.read(1, 1)).length).toBe(1)
    })
  })
}
