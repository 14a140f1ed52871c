import { expect, test } from 'vitest'
import { AnsweredCommits } from '../../../actors/storage/answered_commits.ts'
import type { LetterContext, Write } from '../../../runtime/index.ts'
import { MemoryStore } from '../../../runtime/index.ts'

const put = (key: string, revision = 0): Write => ({ key, value: Buffer.from('value'), revision })
const conflict = { code: 'conflict' }

function commits() {
  const store = new MemoryStore()
  const answered = new AnsweredCommits()
  return (writes: Write[], requestId: string, senderId = 'management-1') => {
    const context: LetterContext = {
      sender: { role: 'management', id: senderId },
      requestId,
      deadlineMs: Number.MAX_SAFE_INTEGER,
      signal: new AbortController().signal,
      plain: false,
    }
    return answered.once(context, writes, () => store.commit(writes))
  }
}

test('a redelivered commit hears what it did, while it is written and after', async () => {
  const commit = commits()
  expect(await Promise.all([commit([put('a')], 'same'), commit([put('a')], 'same')])).toEqual([[1], [1]])
  expect(await commit([put('a')], 'same')).toEqual([1])
})

test('another request, sender or content is another commit', async () => {
  const commit = commits()
  await commit([put('a')], 'same')
  await expect(commit([put('a')], 'other')).rejects.toMatchObject(conflict)
  await expect(commit([put('a')], 'same', 'management-2')).rejects.toMatchObject(conflict)
  await expect(commit([{ ...put('a'), value: null }], 'same')).rejects.toMatchObject(conflict)
  expect(await commit([put('b')], 'same')).toEqual([2])
})

test('a commit that was refused is tried again', async () => {
  const commit = commits()
  await expect(commit([put('a', 1)], 'same')).rejects.toMatchObject(conflict)
  await commit([put('a')], 'first')
  expect(await commit([put('a', 1)], 'same')).toEqual([2])
})

test('an answer is forgotten after many others', async () => {
  const commit = commits()
  await commit([put('a')], 'same')
  for (let at = 0; at < 4096; at++) await commit([put(`b/${at}`)], `request ${at}`)
  await expect(commit([put('a')], 'same')).rejects.toMatchObject(conflict)
})
