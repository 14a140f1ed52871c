import { describe, expect, test } from 'vitest'
import type { Protocol } from '../../../messages/index.ts'
import * as messages from '../../../messages/index.ts'
import { callersOf, SERVICES } from '../../../messages/index.ts'
import { admitCaller } from '../../../runtime/channel/admission.ts'

const protocols = SERVICES.map((name) => (messages as unknown as Record<string, Protocol>)[name]!)

describe.each(protocols.map((one) => [one.name, one] as const))('%s', (_name, one) => {
  test.each(Object.keys(one.methods))('%s is open to just its callers', (method) => {
    const callers = callersOf(one, method)
    for (const role of [...SERVICES, 'client', 'stranger']) {
      const isExtension = role === 'stranger' && callers.includes('extension')
      const mayCall = callers.includes(role) || (role !== 'client' && callers.includes('member')) || isExtension
      const admit = () => admitCaller(one, method, { role, id: 'x' })
      if (mayCall) admit()
      else expect(admit, `${role} on ${method}`).toThrow(expect.objectContaining({ code: 'not_admitted' }))
    }
  })

  test.each(['', 'nothing', 'constructor', '__proto__', 'toString'])('has no method %j', (method) => {
    expect(() => admitCaller(one, method, { role: 'frontend', id: 'x' })).toThrow(
      expect.objectContaining({ code: 'unknown_method' }),
    )
  })
})

test('a client does not become a member by saying so: `member` means whoever has a passport', () => {
  admitCaller(messages.coordinator, 'get_nonce', { role: 'echo', id: 'x' })
  const revoke = () => admitCaller(messages.coordinator, 'revoke_member', { role: 'client', id: 'frontend-1' })
  expect(revoke).toThrow(
    expect.objectContaining({ code: 'not_admitted', message: expect.stringContaining('to clients') }),
  )
})
