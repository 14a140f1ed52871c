/**
 * Plain requests: a JSON body, sent for example by `nats req`, and a JSON answer. The broker can read both, so a
 * deployment says whether it takes them. Everything else is the same as for sealed requests: schema, handler and
 * refusals.
 */
import { randomUUID } from 'node:crypto'
import type { Protocol } from '../../messages/index.ts'
import { defined, PLAIN_BYTES_MAX, Refusal, toJsonValue } from '../../messages/index.ts'
import { unknownMethod } from '../channel/admission.ts'
import type { Delivery } from '../broker/transport.ts'

/** The longest `Nats-Msg-Id` that a caller may give. */
const MESSAGE_ID_LENGTH_MAX = 128

export interface PlainRequest {
  method: string
  body: unknown
  /** From `Nats-Msg-Id` if the caller gave one, so that it may send the same request twice. */
  requestId: string
  bearer: string | undefined
}

export interface PlainService {
  protocol: Protocol
  /** The method that the subject names, if it names one. */
  method: string | undefined
  /** Whether the deployment takes plain requests. */
  accepted: boolean
  handle: (request: PlainRequest) => unknown
}

/** @returns the JSON answer as bytes */
export async function answerPlain(delivery: Delivery, service: PlainService): Promise<Uint8Array> {
  const { protocol, method, accepted, handle } = service
  if (delivery.data.length > PLAIN_BYTES_MAX) {
    throw new Refusal('too_large', `a plain request has at most ${PLAIN_BYTES_MAX} bytes`)
  }
  if (method === undefined || !Object.hasOwn(protocol.methods, method)) throw unknownMethod(protocol, method ?? '')
  const rule = protocol.methods[method]?.plain ?? false
  if (rule === false) {
    throw new Refusal('malformed', `${protocol.name}.${method} takes envelopes only, and this is not one`, {
      hint: 'use the SDK or the tacit command; docs/protocol.md describes the envelope',
    })
  }
  if (rule !== 'always' && !accepted) {
    throw new Refusal(
      'plain_not_accepted',
      'this deployment does not take plain requests: the broker could read them',
      {
        hint: 'use the SDK or the tacit command, or ask the operator for "plain_requests"',
      },
    )
  }
  const body = parseJson(delivery.data)
  const field = protocol.methods[method]?.plainField
  const key = delivery.header('Nats-Msg-Id')
  if (key !== undefined && key.length > MESSAGE_ID_LENGTH_MAX) {
    throw new Refusal('invalid_request', `Nats-Msg-Id has at most ${MESSAGE_ID_LENGTH_MAX} characters`, {
      field: 'Nats-Msg-Id',
    })
  }
  const request = {
    method,
    body: field === undefined ? body : { [field]: body },
    requestId: `plain/${key ?? randomUUID()}`,
    bearer: bearerIn(delivery.header('Authorization')),
  }
  // `handle` may throw, or return a promise that rejects: both end in the same `catch`.
  const reply = await Promise.resolve(request)
    .then(handle)
    .catch((error: unknown) => {
      throw field === undefined ? error : withoutWrapping(error, field)
    })
  const answer = Buffer.from(JSON.stringify(toJsonValue(reply)))
  if (answer.length <= PLAIN_BYTES_MAX) return answer
  throw new Refusal('too_large', `the answer has ${answer.length} bytes, more than the ${PLAIN_BYTES_MAX} allowed`, {
    hint: 'ask for less at a time, or use the SDK',
  })
}

/** The caller never wrote the wrapping field, so a refusal names a field as the caller did. */
function withoutWrapping(error: unknown, wrapping: string): unknown {
  if (!(error instanceof Refusal) || error.field?.startsWith(`${wrapping}.`) !== true) return error
  const { code, message, hint, field } = error
  return new Refusal(code, message.replace(field, field.slice(wrapping.length + 1)), {
    field: field.slice(wrapping.length + 1),
    ...defined({ hint }),
  })
}

function parseJson(data: Uint8Array): unknown {
  if (data.length === 0) return {}
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data))
  } catch (cause) {
    throw new Refusal('malformed', 'the body is neither JSON nor an envelope', {
      hint: `send a JSON object, for example '{"task_id":"task-..."}'`,
      cause,
    })
  }
}

function bearerIn(header: string | undefined): string | undefined {
  return header === undefined ? undefined : /^Bearer ([\w.-]+)$/i.exec(header.trim())?.[1]
}
