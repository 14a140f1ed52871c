import { expect, test } from 'vitest'
import { toGroup, toMember } from '../../../runtime/index.ts'

test('a request goes to a group on the subject of its method', () => {
  expect(toGroup('echo', 'say')).toEqual({ kind: 'group', service: 'echo', group: 'echo', subject: 'tacit.echo.say' })
})

test('or to one member of a service on its control subject', () => {
  expect(toMember('echo', 'echo-1')).toEqual({
    kind: 'member',
    service: 'echo',
    member: 'echo-1',
    subject: 'tacit.control.echo-1',
  })
})
