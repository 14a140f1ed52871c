import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NatsConnection } from '@nats-io/nats-core'
import type { Register } from '../../../runtime/index.ts'
import { connectBroker, MemoryRegister, openCoordinatorRegister } from '../../../runtime/index.ts'
import type { TestBroker } from '../../support/broker.ts'
import { startBroker } from '../../support/broker.ts'

let broker: TestBroker
let connection: NatsConnection
beforeAll(async () => {
  broker = await startBroker()
  connection = await connectBroker({ url: broker.url, name: 'register test' })
})
afterAll(async () => {
  await connection.close()
  await broker.stop()
})

const value = (text: string) => Buffer.from(text)
const conflict = expect.objectContaining({ code: 'conflict' })

/** One story, since a register has one value: the bucket of the second implementation is used once. */
function registerContract(name: string, open: () => Register): void {
  describe(`the register ${name}`, () => {
    test('is empty, is made once, and is replaced by whoever knows its revision', async () => {
      const register = open()
      expect(await register.read()).toBeUndefined()
      await expect(register.replace(value('x'), 7)).rejects.toThrow(conflict)

      await register.replace(value('one'), 0)
      const first = await register.read()
      expect(Buffer.from(first!.value).toString()).toBe('one')
      await expect(register.replace(value('other'), 0)).rejects.toThrow(conflict)

      await register.replace(value('two'), first!.revision)
      const second = await register.read()
      expect(Buffer.from(second!.value).toString()).toBe('two')
      expect(second!.revision).toBeGreaterThan(first!.revision)
      await expect(register.replace(value('late'), first!.revision)).rejects.toThrow(conflict)

      const race = await Promise.allSettled(
        ['a', 'b', 'c'].map((text) => register.replace(value(text), second!.revision)),
      )
      expect(race.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    })
  })
}

registerContract('in memory', () => new MemoryRegister())
registerContract('in a bucket', () => openCoordinatorRegister(connection))
