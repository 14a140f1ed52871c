/**
 * Writes the protocols as an AsyncAPI 3.0.0 document. Each method becomes a channel, which is its subject, and an
 * operation that the service receives and answers: in an envelope, and also as a plain request if the method allows it.
 */
import { defined, mapDefined } from '../../messages/index.ts'
import { VERSION } from '../../runtime/index.ts'
import { COMPONENTS, MESSAGES, SERVERS } from './asyncapi_parts.ts'
import { schemaRef } from './json_schemas.ts'
import type { MethodEntry } from './method_entry.ts'
import type { Reference } from './reference.ts'
import { plainExample } from './reference.ts'

const DESCRIPTION = `Tacit runs functions over the data of several parties who trust neither each other nor
the operator. Its services are attested actors on NATS.

A request goes to the subject of its method. It comes in a signed and sealed envelope (docs/protocol.md): then
the payloads here are the bodies of the letters in it, in msgpack. Where a deployment takes plain requests, it may
come as JSON (\`nats req\`): then the broker can read it.

Byte strings stand as base64 text (\`contentEncoding\`); inside an envelope they are byte strings of msgpack.`

export function asyncapiDocument(reference: Reference): Record<string, unknown> {
  const { protocols, entries, schemas } = reference
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Tacit',
      version: VERSION,
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
      tags: protocols.map(({ name, about }) => ({ name, description: `${about}.` })),
    },
    defaultContentType: 'application/json',
    servers: SERVERS,
    channels: Object.fromEntries(
      entries.flatMap((entry) => [
        [entry.id, requestChannel(reference, entry)],
        [`${entry.id}.reply`, replyChannel(entry)],
      ]),
    ),
    operations: Object.fromEntries(entries.map((entry) => [entry.id, operation(entry)])),
    components: { schemas, ...COMPONENTS },
  }
}

function requestChannel(reference: Reference, entry: MethodEntry) {
  const { id, subject, plain, needsSession } = entry
  return {
    address: subject,
    title: id,
    messages: {
      envelope: {
        name: `${id}.request`,
        title: 'A letter in an envelope',
        traits: [{ $ref: '#/components/messageTraits/envelope' }],
        payload: schemaRef(`${id}.request`),
      },
      ...defined({
        plain: mapDefined(plain, () => ({
          name: `${id}.plain`,
          title: 'A plain request',
          traits: [{ $ref: `#/components/messageTraits/${needsSession ? 'plainWithSession' : 'plain'}` }],
          payload: schemaRef(`${id}.plain`),
          examples: [{ name: 'request', payload: plainExample(reference, id) }],
        })),
      }),
    },
  }
}

function replyChannel({ id, plain }: MethodEntry) {
  const payload = schemaRef(`${id}.reply`)
  return {
    address: null,
    title: `The answer of ${id}`,
    description: 'The reply subject that the request names.',
    messages: {
      envelope: { name: `${id}.reply`, traits: [{ $ref: '#/components/messageTraits/envelope' }], payload },
      ...defined({ plain: mapDefined(plain, () => ({ name: `${id}.plain_reply`, payload })) }),
      refusal: { $ref: `#/components/messages/${MESSAGES.refusal}` },
    },
  }
}

function operation(entry: MethodEntry) {
  const { id, service, method, plain, callers, roles, needsSession } = entry
  const channel = `#/channels/${id}`
  const reply = `#/channels/${id}.reply`
  return {
    action: 'receive',
    summary: method.about,
    tags: [{ name: service }],
    channel: { $ref: channel },
    messages: [{ $ref: `${channel}/messages/envelope` }, ...only(plain, { $ref: `${channel}/messages/plain` })],
    security: [
      { $ref: '#/components/securitySchemes/envelope' },
      ...only(needsSession ? plain : undefined, { $ref: '#/components/securitySchemes/session' }),
    ],
    bindings: { nats: { queue: service, bindingVersion: '0.1.0' } },
    reply: {
      channel: { $ref: reply },
      messages: [
        { $ref: `${reply}/messages/envelope` },
        ...only(plain, { $ref: `${reply}/messages/plain` }),
        { $ref: `${reply}/messages/refusal` },
      ],
    },
    'x-callers': callers,
    ...defined({ 'x-roles': roles, 'x-who': method.who }),
    'x-plain': plain === undefined ? 'never' : method.plain === 'always' ? 'always' : 'where the deployment takes it',
    'x-idempotent': method.idempotent !== false,
    'x-refusals': [...new Set(method.refuses)],
  }
}

function only<T>(condition: unknown, value: T): T[] {
  return condition === undefined ? [] : [value]
}
