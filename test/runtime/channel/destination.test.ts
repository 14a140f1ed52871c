import { expect, test } from 'vitest'
import { toGroup, toGroupAsClient, toMember } from '../../../runtime/index.ts'

test('a request goes to a group on the subject of its method, under our passport or under our own keys', () => {
  const destination = { kind: 'group', service: 'echo', group: 'echo', subject: 'tacit.echo.say' }
  expect(toGroup('echo', 'say')).toEqual({ ...destination, asClient: false, signature: 'later' })
  expect(toGroupAsClient('echo', 'say')).toEqual({ ...destination, asClient: true, signature: 'inside' })
})

test('or to one member of a service on its control subject', () => {
  expect(toMember('echo', 'echo-1')).toEqual({
    kind: 'member',
    service: 'echo',
    member: 'echo-1',
    subject: 'tacit.control.echo-1',
  })
})
