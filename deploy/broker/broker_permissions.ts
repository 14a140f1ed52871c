/**
 * This drawer holds the broker of a deployment: its process, its configuration, and here what each of its users may
 * publish and subscribe, read from the protocols: a service asks only the methods that name it as caller, answers only
 * its callers, and hears only its own requests. This is the outer wall; the envelope's signature and seal are the inner
 * one, and nothing secret depends on the broker.
 */
import {
  AUDIT_STREAM,
  auditSubject,
  callersInclude,
  callersOf,
  COORDINATOR_BUCKET,
  DEADLETTERS_STREAM,
  EPOCH_EVENT,
  EVENTS_STREAM,
  FILES_BUCKET,
  inboxSubject,
  PASSPORTS_BUCKET,
  PROTOCOLS,
  requestSubject,
  signaturesSubject,
  TASKS_STREAM,
} from '../../messages/index.ts'
import type { Protocols } from '../services.ts'

export interface Permissions {
  publish: { allow: string[]; deny?: string[] }
  subscribe: { allow: string[]; deny?: string[] }
}

/** Methods of the coordinator that a process calls before it has a passport, so only with the rights of a client. */
const ADMISSION_METHODS = ['enrol', 'get_nonce', 'get_platform']
const PASSPORT_STREAM = `KV_${PASSPORTS_BUCKET}`
const COORDINATOR_STREAM = `KV_${COORDINATOR_BUCKET}`
const FILES_STREAM = `OBJ_${FILES_BUCKET}`

/**
 * What a member of a service may publish and subscribe to.
 * @param protocols the protocols of all services of the deployment
 */
export function servicePermissions(service: string, protocols: Protocols = PROTOCOLS): Permissions {
  return {
    publish: {
      allow: sortedSet([
        ...Object.keys(protocols).flatMap((callee) => requestsBy(service, callee, protocols)),
        ...ADMISSION_METHODS.map((method) => requestSubject('coordinator', method)),
        ...answersOf(service, protocols),
        ...laterSignaturesOf(service, protocols),
        ...readBucket(PASSPORT_STREAM),
        ...(EXTRA.get(service) ?? []),
      ]),
    },
    subscribe: {
      allow: sortedSet([
        requestSubject(service, '>'),
        // This includes JetStream's answers: they go to the member's inbox prefix, which is below its service's inbox.
        inboxSubject(service, '>'),
        'tacit.control.*',
        signaturesSubject(service, '*'),
        'tacit.event.>',
        '$SRV.>',
      ]),
    },
  }
}

/** What anyone on this machine may do without a password: use the API and files, and see what an operator may see. */
export function guestPermissions(protocols: Protocols = PROTOCOLS): Permissions {
  // The guest may call any method name of these services, so for an unknown method the service answers with a refusal;
  // otherwise the broker would drop the request, and the guest would get no answer.
  const api = Object.entries(protocols).flatMap(([callee, { callers }]) =>
    callee === 'coordinator' || !callers.includes('client')
      ? requestsBy('client', callee, protocols)
      : [requestSubject(callee, '*')],
  )
  return {
    publish: {
      allow: sortedSet([
        ...api.filter((subject) => !MEMBERS_ONLY.includes(subject)),
        '$SRV.>',
        '$JS.API.INFO',
        '$JS.API.STREAM.NAMES',
        '$JS.API.STREAM.LIST',
        '$JS.API.STREAM.INFO.*',
        '$JS.API.STREAM.MSG.GET.*',
        '$JS.API.DIRECT.GET.>',
        '$JS.API.CONSUMER.NAMES.*',
        '$JS.API.CONSUMER.LIST.*',
        '$JS.API.CONSUMER.INFO.*.*',
        ...readBucket(PASSPORT_STREAM),
        ...useFiles(),
      ]),
      // The coordinator's document is sealed, but only the coordinator has a use for it.
      deny: [`$JS.API.STREAM.MSG.GET.${COORDINATOR_STREAM}`, `$JS.API.DIRECT.GET.${COORDINATOR_STREAM}`].flatMap(
        (subject) => [subject, `${subject}.>`],
      ),
    },
    subscribe: { allow: ['$JS.EVENT.ADVISORY.>', '_INBOX.>', 'tacit.event.>', 'tacit.inbox.client.>'] },
  }
}

/** What a service may publish in addition to its protocol: to its streams and buckets. Most services have none. */
const EXTRA: ReadonlyMap<string, string[]> = new Map(
  Object.entries({
    authentication: [auditSubject('authentication', '*')],
    frontend: [auditSubject('frontend', '*')],
    management: [
      auditSubject('management', '*'),
      // Management creates and reads the audit stream. Nobody may delete from it, or change what it keeps.
      ...['INFO', 'CREATE', 'MSG.GET'].map((verb) => `$JS.API.STREAM.${verb}.${AUDIT_STREAM}`),
      'tacit.event.task.*',
      ...useFiles(),
      ...makeBucket(FILES_STREAM),
    ],
    access_control: [auditSubject('access_control', '*')],
    scheduler: [
      'tacit.tasks.>',
      'tacit.deadletters.>',
      'tacit.event.task.*',
      ...[TASKS_STREAM, DEADLETTERS_STREAM, EVENTS_STREAM].flatMap(ownStream),
      ...ownConsumers(TASKS_STREAM),
      ...takeWork(),
      // Only the scheduler sends messages to a single member: the worker that has to stop a run.
      'tacit.control.*',
    ],
    execution: ['tacit.deadletters.>', 'tacit.event.task.*', ...takeWork(), ...useFiles(), ...makeBucket(FILES_STREAM)],
    coordinator: [
      EPOCH_EVENT,
      // Whoever enrols has no passport yet, so the coordinator must be able to answer to any inbox.
      'tacit.inbox.>',
      ...[PASSPORTS_BUCKET, COORDINATOR_BUCKET].map((bucket) => `$KV.${bucket}.>`),
      ...[PASSPORT_STREAM, COORDINATOR_STREAM].flatMap((stream) => [...makeBucket(stream), ...readBucket(stream)]),
    ],
  }),
)

const MEMBERS_ONLY = ['enrol', 'get_nonce'].map((method) => requestSubject('coordinator', method))

/** The subjects on which `caller` asks `callee`. */
function requestsBy(caller: string, callee: string, protocols: Protocols): string[] {
  const protocol = protocols[callee]
  if (protocol === undefined) return []
  return Object.keys(protocol.methods)
    .filter((method) => callersInclude(callersOf(protocol, method), caller))
    .map((method) => requestSubject(callee, method))
}

/** Where a service sends later signatures: to the services that it calls, and to those that call it. */
function laterSignaturesOf(service: string, protocols: Protocols): string[] {
  const others = Object.keys(protocols)
  const asked = others.filter((callee) => requestsBy(service, callee, protocols).length > 0)
  const asking = others.filter((caller) => requestsBy(caller, service, protocols).length > 0)
  return [...asked, ...asking].map((other) => signaturesSubject(other, '*'))
}

/** The inboxes to which a service answers: those of its callers, and `_INBOX` for plain and `$SRV` requests. */
function answersOf(service: string, protocols: Protocols): string[] {
  const askers = ['client', ...Object.keys(protocols)].filter(
    (caller) => requestsBy(caller, service, protocols).length > 0,
  )
  return [...askers.map((caller) => inboxSubject(caller, '>')), '_INBOX.>']
}

function readBucket(stream: string): string[] {
  return [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.>`,
    ...watchStream(stream),
  ]
}

/** What an ordered consumer needs: with one, a bucket is watched and a file is read. */
function watchStream(stream: string): string[] {
  return [
    `$JS.API.CONSUMER.CREATE.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.DELETE.${stream}.*`,
    `$JS.API.CONSUMER.INFO.${stream}.*`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
    `$JS.FC.${stream}.>`,
  ]
}

function makeBucket(stream: string): string[] {
  return ['$JS.API.INFO', ...['CREATE', 'UPDATE', 'PURGE'].map((verb) => `$JS.API.STREAM.${verb}.${stream}`)]
}

/** What reading and writing files needs. Removing a file also needs PURGE, which `makeBucket` grants. */
function useFiles(): string[] {
  return [`$O.${FILES_BUCKET}.>`, ...readBucket(FILES_STREAM)]
}

function ownStream(stream: string): string[] {
  const verbs = ['INFO', 'CREATE', 'UPDATE', 'MSG.GET', 'MSG.DELETE'].map((verb) => `$JS.API.STREAM.${verb}.${stream}`)
  return [
    '$JS.API.INFO',
    '$JS.API.STREAM.NAMES',
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.>`,
    ...verbs,
  ]
}

function ownConsumers(stream: string): string[] {
  const verbs = ['INFO', 'DELETE'].map((verb) => `$JS.API.CONSUMER.${verb}.${stream}.*`)
  return [
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.*`,
    `$JS.API.CONSUMER.NAMES.${stream}`,
    `$JS.API.CONSUMER.LIST.${stream}`,
    ...verbs,
  ]
}

/** Server versions differ in the form of the acknowledgement subject, so all subjects below `$JS.ACK` are granted. */
function takeWork(): string[] {
  return [
    `$JS.API.STREAM.INFO.${TASKS_STREAM}`,
    `$JS.API.CONSUMER.INFO.${TASKS_STREAM}.*`,
    `$JS.API.CONSUMER.MSG.NEXT.${TASKS_STREAM}.*`,
    '$JS.ACK.>',
  ]
}

function sortedSet(subjects: string[]): string[] {
  return [...new Set(subjects)].sort()
}
