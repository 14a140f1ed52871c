import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TrustedHalfStatus } from '../../deploy/launcher/trusted_half.ts'
import { waitForTask } from '../../client/index.ts'
import type { CodeCopy } from '../support/code_copy.ts'
import { copyCode } from '../support/code_copy.ts'
import type { TestDeployment } from '../support/deployment.ts'
import { eventually, invokeTask, registerEcho, startTestDeployment } from '../support/deployment.ts'

describe('one byte of the code of management changes on the disk', () => {
  let code: CodeCopy
  let platform: TestDeployment
  let echo: string
  let restore: () => Promise<void>
  beforeAll(async () => {
    code = await copyCode()
    platform = await startTestDeployment({ ...code.options, workers: 1 })
    echo = await registerEcho(platform.admin)
    restore = await code.change('actors/management/records/keys.js', (text) => `${text} `)
  })
  afterAll(async () => {
    await platform.stop()
    await code[Symbol.asyncDispose]()
  })

  const management = () => platform.deployment.services().find(({ service }) => service === 'management')!
  const echoes = async (message: string) => {
    const task = await waitForTask(platform.admin.api, await invokeTask(platform.admin, echo, { message }))
    return Buffer.from(task.result!.return_value).toString()
  }

  test('what was started before goes on', async () => {
    expect(await echoes('before')).toBe('before')
  })

  test('started again, it is refused in words, and gets no key', async () => {
    await platform.deployment.killOne('management')
    const refused = await eventually('it is refused', () => withProblem(management()))
    expect(refused.problem).toMatchObject({
      code: 'platform_untrusted',
      message: expect.stringContaining('measurement'),
    })
    await eventually('the operator is told', () =>
      platform.said.find((text) => /^management-0 says: .*measurement.*it is started again in/.test(text)),
    )
    expect(management().state).not.toBe('ready')
  })

  test('the others go on', async () => {
    const others = platform.deployment.services().filter(({ service }) => service !== 'management')
    expect(others.map(({ service, state, endings }) => [service, state, endings])).toEqual(
      others.map(({ service }) => [service, 'ready', 0]),
    )
    await expect(platform.connect()).resolves.toBeDefined()
    await expect(platform.login(platform.admin.id, platform.admin.password)).resolves.toBeDefined()
    await platform.deployment.killOne('scheduler')
    await platform.deployment.ready('scheduler')
  })

  test('with the byte as it was, it is let in again', async () => {
    await restore()
    await platform.deployment.ready('management')
    expect(management().problem).toBeUndefined()
    expect(await echoes('after')).toBe('after')
  })
})

test('a policy is measured like code: with one that was changed, access control is another service', async () => {
  await using code = await copyCode()
  const measure = () => ['access_control', 'management'].map((name) => code.measurer.measure({ name }))
  const [before, other] = measure()
  for (const file of ['api.cedar', 'schema.cedarschema']) {
    const restore = await code.change(`actors/access_control/policies/${file}`, (text) => `${text} `)
    expect(measure()).toEqual([expect.not.stringMatching(before!), other])
    await restore()
  }
  expect(measure()).toEqual([before, other])
})

function withProblem(status: TrustedHalfStatus): TrustedHalfStatus | undefined {
  return status.problem === undefined ? undefined : status
}
