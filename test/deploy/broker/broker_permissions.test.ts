import { describe, expect, test } from 'vitest'
import type { Permissions } from '../../../deploy/broker/broker_permissions.ts'
import { guestPermissions, servicePermissions } from '../../../deploy/broker/broker_permissions.ts'
import {
  auditSubject,
  callersOf,
  controlSubject,
  inboxSubject,
  PROTOCOLS,
  requestSubject,
  SERVICES,
  stagedSubject,
} from '../../../messages/index.ts'

/** nats-server's rule: `*` is any one token, `>` any one or more at the end. */
function matches(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.')
  const given = subject.split('.')
  for (const [index, token] of wanted.entries()) {
    if (token === '>') return given.length > index
    if (given[index] === undefined || (token !== '*' && token !== given[index])) return false
  }
  return wanted.length === given.length
}

const permits = ({ allow, deny = [] }: Permissions['publish'], subject: string) =>
  allow.some((pattern) => matches(pattern, subject)) && !deny.some((pattern) => matches(pattern, subject))

const methods = SERVICES.flatMap((callee) =>
  Object.keys(PROTOCOLS[callee].methods).map((method) => ({ callee, method, subject: requestSubject(callee, method) })),
)
/** A process that has no passport yet calls these as a client would. */
const ADMISSION = ['get_platform', 'get_nonce', 'enrol'].map((method) => requestSubject('coordinator', method))

describe.each(SERVICES)('%s', (service) => {
  const { publish, subscribe } = servicePermissions(service)

  test.each(methods)('may ask $callee.$method exactly when the protocol names it', ({ callee, method, subject }) => {
    const named = callersOf(PROTOCOLS[callee], method).includes(service)
    expect(permits(publish, subject)).toBe(named || ADMISSION.includes(subject))
  })

  test.each(SERVICES)('hears the requests to %s only when they are its own', (other) => {
    const subject = requestSubject(other, Object.keys(PROTOCOLS[other].methods)[0]!)
    expect(permits(subscribe, subject)).toBe(other === service)
    expect(permits(subscribe, inboxSubject(other, `${other}-1`))).toBe(other === service)
  })

  test.each([...SERVICES, 'client'])('may answer %s only where that may ask', (caller) => {
    const asks = Object.keys(PROTOCOLS[service].methods).some((method) =>
      callersOf(PROTOCOLS[service], method).includes(caller),
    )
    // The coordinator answers whoever enrols.
    expect(permits(publish, inboxSubject(caller, 'x'))).toBe(asks || service === 'coordinator')
  })

  test('writes in the audit log only in its own name, and only if the log is its business', () => {
    const writes = ['authentication', 'frontend', 'management', 'access_control']
    for (const other of SERVICES) {
      const may = other === service && writes.includes(service)
      expect(permits(publish, auditSubject(other, 'x')), other).toBe(may)
    }
  })

  test('stages tasks only as the scheduler', () => {
    expect(permits(publish, stagedSubject('builtin', 'standard', 'normal'))).toBe(service === 'scheduler')
    expect(permits(subscribe, stagedSubject('builtin', 'standard', 'normal'))).toBe(false)
  })

  test('touches the buckets of the coordinator only as the coordinator', () => {
    const own = service === 'coordinator'
    expect(permits(publish, '$KV.passports.member.x')).toBe(own)
    expect(permits(publish, '$KV.coordinator.state')).toBe(own)
    expect(permits(publish, '$JS.API.STREAM.MSG.GET.KV_coordinator')).toBe(own)
    expect(permits(publish, '$JS.API.DIRECT.GET.KV_coordinator.$KV.coordinator.state')).toBe(own)
    expect(permits(publish, '$JS.API.DIRECT.GET.KV_passports.$KV.passports.member.x')).toBe(true)
  })

  test('makes the audit log only as management, and changes its bounds not even then', () => {
    expect(permits(publish, '$JS.API.STREAM.CREATE.AUDIT')).toBe(service === 'management')
    for (const verb of ['UPDATE', 'DELETE', 'PURGE', 'MSG.DELETE']) {
      expect(permits(publish, `$JS.API.STREAM.${verb}.AUDIT`), verb).toBe(false)
    }
  })

  test('deletes no stream, and does nothing outside its own', () => {
    for (const subject of [
      '$JS.API.STREAM.DELETE.TASKS',
      '$JS.API.STREAM.DELETE.KV_passports',
      '$JS.API.STREAM.CREATE.OTHER',
      '$JS.API.STREAM.SNAPSHOT.TASKS',
      '$SYS.REQ.SERVER.PING',
      'other.subject',
      'tacit',
    ]) {
      expect(permits(publish, subject)).toBe(false)
    }
  })

  test('reaches the members of others only as the scheduler, which stops runs', () => {
    expect(permits(publish, controlSubject('execution-1'))).toBe(service === 'scheduler')
  })
})

describe('a guest', () => {
  const { publish, subscribe } = guestPermissions()

  test.each(methods)(
    'may ask $callee.$method when clients may or the service answers for itself, admission apart',
    ({ callee, method, subject }) => {
      const named =
        callee === 'authentication' || callee === 'frontend' || callersOf(PROTOCOLS[callee], method).includes('client')
      const membersOnly = subject === 'tacit.coordinator.enrol' || subject === 'tacit.coordinator.get_nonce'
      expect(permits(publish, subject)).toBe(named && !membersOnly)
    },
  )

  test.each([
    'tacit.tasks.builtin.standard.normal',
    'tacit.event.task.x',
    'tacit.event.coordinator.epoch',
    'tacit.inbox.management.x',
    'tacit.control.execution-1',
    'tacit.audit.frontend.x',
    '_INBOX.x',
    '$JS.API.STREAM.MSG.DELETE.AUDIT',
    '$JS.API.STREAM.PURGE.AUDIT',
    '$JS.API.STREAM.CREATE.X',
    '$JS.API.STREAM.UPDATE.TASKS',
    '$JS.API.STREAM.DELETE.TASKS',
    '$JS.API.STREAM.PURGE.OBJ_files',
    '$JS.API.STREAM.MSG.DELETE.TASKS',
    '$JS.API.CONSUMER.CREATE.TASKS.x',
    '$JS.API.CONSUMER.MSG.NEXT.TASKS.builtin-standard-normal',
    '$JS.API.CONSUMER.DELETE.TASKS.builtin-standard-normal',
    '$JS.ACK.TASKS.x.1.1.1.1.0',
    '$KV.passports.x',
    '$JS.API.STREAM.MSG.GET.KV_coordinator',
    '$JS.API.DIRECT.GET.KV_coordinator',
    '$JS.API.DIRECT.GET.KV_coordinator.$KV.coordinator.state',
    '$SYS.REQ.SERVER.PING',
  ])('may not publish %s', (subject) => expect(permits(publish, subject)).toBe(false))

  test.each([
    '$SRV.PING',
    '$SRV.INFO.frontend',
    '$JS.API.INFO',
    '$JS.API.STREAM.INFO.TASKS',
    '$JS.API.STREAM.MSG.GET.TASKS',
    '$JS.API.CONSUMER.INFO.TASKS.builtin-standard-normal',
    '$JS.API.DIRECT.GET.KV_passports.$KV.passports.member.x',
    '$O.files.C.x',
    '$O.files.M.x',
  ])('may publish %s', (subject) => expect(permits(publish, subject)).toBe(true))

  test('hears answers and events, and no request or answer of others', () => {
    for (const subject of ['_INBOX.x.1', 'tacit.inbox.client.x', 'tacit.event.task.x', '$JS.EVENT.ADVISORY.API']) {
      expect(permits(subscribe, subject)).toBe(true)
    }
    for (const subject of [
      ...methods.map((entry) => entry.subject),
      'tacit.inbox.management.x',
      'tacit.control.x',
      '$SRV.PING',
    ]) {
      expect(permits(subscribe, subject)).toBe(false)
    }
  })
})
