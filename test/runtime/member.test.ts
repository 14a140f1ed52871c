import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TestPlatform } from '../support/platform.ts'
import { startPlatform } from '../support/platform.ts'
import { askerService, echo, echoService } from '../support/echo.ts'

describe('members of a platform', () => {
  let platform: TestPlatform
  beforeAll(async () => {
    platform = await startPlatform({ roles: ['echo', 'asker', 'stranger'] })
  })
  afterAll(() => platform.stop())

  test('an admitted member asks a group and gets the answer', async () => {
    await platform.join('echo', () => echoService())
    const asker = await platform.join('asker', askerService)
    const reply = await asker.host.client(echo).echo({ text: 'hello' })
    expect(reply.text).toBe('hello')
    expect(reply.from).toBe(asker.memberId)
  })
})
