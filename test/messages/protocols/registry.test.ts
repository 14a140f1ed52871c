import { expect, test } from 'vitest'
import { callersInclude, isExtension, isService, PROTOCOLS, SERVICES } from '../../../messages/index.ts'

test('each service is there once, by the name of its protocol', () => {
  expect(SERVICES).toEqual(Object.keys(PROTOCOLS))
  for (const name of SERVICES) expect(PROTOCOLS[name].name).toBe(name)
  expect([...SERVICES].sort()).toEqual([
    'access_control',
    'authentication',
    'coordinator',
    'execution',
    'frontend',
    'management',
    'scheduler',
    'storage',
  ])
})

test('what is no service of the house, no client and no kind of caller is an extension', () => {
  for (const name of SERVICES) expect([isService(name), isExtension(name)]).toEqual([true, false])
  for (const kind of ['client', 'member', 'extension'])
    expect([isService(kind), isExtension(kind)]).toEqual([false, false])
  for (const name of ['counter', 'toString', '__proto__', 'constructor']) {
    expect([isService(name), isExtension(name)]).toEqual([false, true])
  }
})

test.each<[callers: string[], role: string, may: boolean]>([
  [['frontend'], 'frontend', true],
  [['frontend'], 'counter', false],
  [['counter'], 'counter', true],
  [['extension'], 'counter', true],
  [['extension'], 'frontend', false],
  [['extension'], 'client', false],
  [['member'], 'counter', true],
  [['member'], 'frontend', true],
  [['member'], 'client', false],
  [['client'], 'client', true],
  [['client'], 'counter', false],
])('of callers %j, %s is one: %s', (callers, role, may) => {
  expect(callersInclude(callers, role)).toBe(may)
})
