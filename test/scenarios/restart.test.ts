import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyReceipt, waitForTask, watchTask } from '../../client/index.ts'
import type { CodeCopy } from '../support/code_copy.ts'
import { copyCodeWithSlowEcho } from '../support/code_copy.ts'
import type { TestDeployment } from '../support/deployment.ts'
import { invokeTask, registerEcho, startTestDeployment } from '../support/deployment.ts'

const SLOTS = 2
const STAGED = 10

describe('a deployment is stopped in the middle of its work, and started again on the same state', () => {
  let code: CodeCopy
  let platform: TestDeployment
  let before: { password: string; manifest: string; receipt: string; echo: string; finished: string }
  let unfinished: string[]
  beforeAll(async () => {
    code = await copyCodeWithSlowEcho()
    platform = await startTestDeployment({
      ...code.options,
      workers: 1,
      slots: SLOTS,
      leaseMs: 2_000,
      settings: { execution: { drain_ms: 300 } },
    })
  })
  afterAll(async () => {
    await platform.stop()
    await code[Symbol.asyncDispose]()
  })

  test('it is stopped while tasks run and wait', { timeout: 60_000 }, async () => {
    const { admin, manifest, deployment } = platform
    const alice = await platform.register('alice')
    const echo = await registerEcho(admin)
    const finished = await invokeTask(admin, echo, { message: 'finished before' })
    const receipt = (await waitForTask(admin.api, finished)).result!.receipt
    // Longer than a stopping worker waits for its runs: they are given back, and run again.
    const running = await Promise.all(
      Array.from({ length: SLOTS }, () => invokeTask(alice, echo, { message: { wait_ms: 3_000 } })),
    )
    for (const id of running) {
      for await (const { state } of watchTask(alice.api, id)) if (state === 'Running') break
    }
    const staged = await Promise.all(
      Array.from({ length: STAGED }, (_, number) => invokeTask(alice, echo, { message: `staged ${number}` })),
    )
    unfinished = [...running, ...staged]
    const states = await Promise.all(unfinished.map(async (task_id) => (await alice.api.get_task({ task_id })).state))
    expect(states).toEqual([...running.map(() => 'Running'), ...staged.map(() => 'Staged')])
    before = { password: await readFile(deployment.paths.adminPassword, 'utf8'), manifest, receipt, echo, finished }
    const { session, connection, password } = alice
    await platform.halt()
    await platform.start()
    // The session goes on, under the key that it is bound to.
    const again = (await platform.connect(connection.signingKey)).as(session)
    expect((await again.list_tasks({})).tasks.map(({ task_id }) => task_id).sort()).toEqual([...unfinished].sort())
    const ends = await Promise.all(unfinished.map((id) => waitForTask(again, id)))
    expect(ends.map(({ state }) => state)).toEqual(unfinished.map(() => 'Finished'))
    expect(ends.slice(SLOTS).map(({ result }) => Buffer.from(result!.return_value).toString())).toEqual(
      staged.map((_, number) => `staged ${number}`),
    )
    await expect(platform.login('alice', password)).resolves.toBeDefined()
  })

  test('the first admin has the password that it had', async () => {
    const { deployment, admin } = platform
    expect(await readFile(deployment.paths.adminPassword, 'utf8')).toBe(before.password)
    expect(admin.password).toBe(/^password: (.+)$/m.exec(before.password)?.[1])
    expect(platform.said.filter((text) => text.startsWith('made the first admin'))).toHaveLength(1)
  })

  test('the same code has the same manifest, and a receipt from before still verifies', async () => {
    expect(platform.manifest).toBe(before.manifest)
    const { claims } = await verifyReceipt(before.receipt, platform.manifest)
    expect(claims.task_id).toBe(before.finished)
    const task = await platform.admin.api.get_task({ task_id: before.finished })
    expect(task.result?.receipt).toBe(before.receipt)
  })
})
