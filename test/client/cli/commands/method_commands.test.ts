import { expect, test } from 'vitest'
import { commandOf, METHOD_COMMANDS } from '../../../../client/cli/commands/method_commands.ts'
import type { Protocol } from '../../../../messages/index.ts'
import { authentication, callersOf, coordinator, frontend } from '../../../../messages/index.ts'

const partyMethods = (protocol: Protocol) =>
  Object.keys(protocol.methods)
    .filter((method) => callersOf(protocol, method).includes('client'))
    .map((method) => `${protocol.name}.${method}`)

test('each method that parties may call has a command, and no other', () => {
  // The coordinator admits members; a party has it prove the platform.
  const ofMembers = ['coordinator.enrol', 'coordinator.get_nonce']
  const methods = [authentication, frontend, coordinator].flatMap(partyMethods)
  expect(Object.keys(METHOD_COMMANDS).sort()).toEqual(methods.filter((name) => !ofMembers.includes(name)).sort())
})

test('a method that parties do not call has none', () => {
  expect(commandOf('frontend.create_task')).toBe('tacit task create')
  expect(commandOf('authentication.user_authenticate')).toBeUndefined()
  expect(commandOf('toString')).toBeUndefined()
})
