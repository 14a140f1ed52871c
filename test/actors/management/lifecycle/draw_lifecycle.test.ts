import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { drawLifecycle, lifecyclePage } from '../../../../actors/management/lifecycle/draw_lifecycle.ts'
import { taskMachine } from '../../../../actors/management/lifecycle/task_machine.ts'
import { TASK_STATES } from '../../../../messages/index.ts'

describe('the picture of the life of a task', () => {
  it('in the docs is the one that the machine draws (npm run docs writes it)', async () => {
    const page = await readFile(new URL('../../../../docs/task_lifecycle.md', import.meta.url), 'utf8')
    expect(page).toBe(lifecyclePage())
  })

  it('shows every state, and from where each can be reached', () => {
    const picture = drawLifecycle(taskMachine)
    for (const state of TASK_STATES) expect(picture).toContain(`--> ${state}: `)
    expect(picture).toContain('Running --> Staged: lose_lease')
    expect(picture).not.toContain('Finished --> Failed')
  })
})
