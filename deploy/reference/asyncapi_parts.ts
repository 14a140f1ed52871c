/** The parts of the AsyncAPI document that all methods share: servers, headers, security and the refusal. */
import type { RefusalCode } from '../../messages/index.ts'
import { COMMON_REFUSALS, HEADERS, REFUSAL_MEANINGS, REFUSALS } from '../../messages/index.ts'

export const MESSAGES = { refusal: 'refusal' } as const

export const SERVERS = {
  nats: {
    host: '{host}:{port}',
    protocol: 'nats',
    description: 'The broker of a deployment. `npm start` prints where it listens.',
    variables: {
      host: { default: '127.0.0.1', description: 'Where the broker is.' },
      port: { default: '4222', description: 'Where it listens.' },
    },
  },
}

const MESSAGE_ID = {
  type: 'string',
  maxLength: 128,
  description: 'Makes a repetition the same request: what it does is done once.',
}

export const COMPONENTS = {
  messages: {
    [MESSAGES.refusal]: {
      name: 'refusal',
      title: 'A refusal',
      description:
        'An expected answer that is not the one hoped for. In an envelope it is the letter; in the open, as here.',
      contentType: 'application/json',
      headers: {
        type: 'object',
        required: [HEADERS.code, HEADERS.error, HEADERS.errorCode],
        properties: {
          [HEADERS.code]: { type: 'string', enum: Object.keys(REFUSALS), description: 'What programs decide by.' },
          [HEADERS.error]: { type: 'string', description: 'The text, on one line.' },
          [HEADERS.errorCode]: {
            type: 'string',
            pattern: '^[0-9]{3}$',
            description: 'A number in the manner of HTTP.',
          },
        },
      },
      payload: {
        type: 'object',
        required: ['code', 'message'],
        properties: {
          code: {
            description: 'One of a closed list. Codes are added, never renamed.',
            oneOf: Object.entries(REFUSALS).map(([code, { advice }]) => ({
              const: code,
              description: REFUSAL_MEANINGS[code as RefusalCode], // the keys are the codes
              'x-advice': advice,
            })),
          },
          message: { type: 'string', description: 'What is wrong, for people.' },
          hint: { type: 'string', description: 'The next step, for people.' },
          field: { type: 'string', description: 'The part of the request at fault, as a dotted path.' },
        },
      },
    },
  },
  messageTraits: {
    envelope: {
      contentType: 'application/vnd.tacit.envelope',
      headers: {
        type: 'object',
        description: 'They repeat what an operator may see; nothing is decided from them.',
        properties: {
          [HEADERS.sender]: { type: 'string', description: "The sender's id." },
          [HEADERS.letters]: { type: 'string', description: 'The number of letters.' },
          [HEADERS.task]: { type: 'string', description: 'The task, where all is about a single one.' },
        },
      },
    },
    plain: {
      contentType: 'application/json',
      headers: { type: 'object', properties: { 'Nats-Msg-Id': MESSAGE_ID } },
    },
    plainWithSession: {
      contentType: 'application/json',
      headers: {
        type: 'object',
        required: ['Authorization'],
        properties: {
          Authorization: { type: 'string', pattern: '^Bearer [\\w.-]+$', description: 'The token of `user_login`.' },
          'Nats-Msg-Id': MESSAGE_ID,
        },
      },
    },
  },
  securitySchemes: {
    envelope: {
      type: 'asymmetricEncryption',
      description:
        'The envelope is signed by its sender (Ed25519) and sealed to the group of the service (X25519, ' +
        'AES-256-GCM). A member proves itself by its passport, which it has for its evidence; an outside party ' +
        'by a key of its own, and a user by the session in the letter.',
    },
    session: {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
      description:
        'The session token of `authentication.user_login`, in the header `Authorization` of a plain request.',
    },
  },
  'x-common-refusals': COMMON_REFUSALS,
}
