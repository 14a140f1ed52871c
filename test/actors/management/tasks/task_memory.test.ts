import { defined } from '../../../../messages/index.ts'
import { describe, expect, test } from 'vitest'
import type { StagedEntry } from '../../../../actors/management/lifecycle/staged_entry.ts'
import { TaskMemory } from '../../../../actors/management/tasks/task_memory.ts'
import type { TaskRecord } from '../../../../actors/management/lifecycle/task_record.ts'
import type { LoadedTask } from '../../../../actors/management/tasks/task_memory.ts'

function taskOf(task_id: string, more: Partial<LoadedTask> = {}): LoadedTask {
  // The memory looks at nothing else of a record.
  return { record: { task_id } as TaskRecord, revisions: { task: 1, terms: 1, staged: 0 }, bytes: 1_000, ...more }
}
const entryOf = (task_id: string, seq?: number) => ({ task_id, ...defined({ seq }) }) as StagedEntry

describe('the memory of tasks', () => {
  test('gives back what was kept last, and nothing that it was told to forget', () => {
    const memory = new TaskMemory()
    const later = taskOf('a', { revisions: { task: 2, terms: 1, staged: 0 } })
    memory.keep(taskOf('a'))
    memory.keep(later)
    expect(memory.get('a')).toBe(later)
    memory.forget('a')
    memory.forget('a')
    expect(memory.get('a')).toBeUndefined()
  })

  test('lets the task go that was kept longest ago, by their number and by their bytes', () => {
    const many = new TaskMemory()
    for (let n = 0; n < 5_000; n += 1) many.keep(taskOf(`t${n}`, { bytes: 1 }))
    expect([many.get('t0'), many.get('t4999')]).toEqual([undefined, expect.anything()])

    const large = new TaskMemory()
    for (let n = 0; n < 1_000; n += 1) large.keep(taskOf(`t${n}`, { bytes: 60_000 }))
    expect([large.get('t0'), large.get('t999')]).toEqual([undefined, expect.anything()])
    const kept = Array.from({ length: 1_000 }, (_, n) => large.get(`t${n}`)).filter((task) => task !== undefined)
    expect(kept.length * 60_000).toBeLessThanOrEqual(32 * 1024 * 1024)
  })

  test('does not keep a task so large that others would have to go, nor an older form of it', () => {
    const memory = new TaskMemory()
    memory.keep(taskOf('a'))
    memory.keep(taskOf('a', { bytes: 1_000_000 }))
    expect(memory.get('a')).toBeUndefined()
  })

  test('follows a note on the outbox entry, if it replaced the entry that is remembered', () => {
    const memory = new TaskMemory()
    memory.keep(taskOf('a', { staged: entryOf('a'), revisions: { task: 3, terms: 1, staged: 4 } }))
    memory.noteStaged(entryOf('a', 7), 3, 5)
    expect(memory.get('a')?.revisions.staged).toBe(4)
    memory.noteStaged(entryOf('a', 7), 4, 6)
    expect(memory.get('a')).toMatchObject({ staged: { seq: 7 }, revisions: { task: 3, staged: 6 } })
    memory.noteStaged(entryOf('b', 1), 1, 2)
    expect(memory.get('b')).toBeUndefined()
  })
})
