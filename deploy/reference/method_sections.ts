/** The section of a page about one method: who may call it, what it takes and answers, and its refusals. */
import { ROLES } from '../../messages/index.ts'
import { fieldTable } from './field_table.ts'
import { nameOf } from './flatten.ts'
import { commonName } from './json_schemas.ts'
import { linkTo, prose, refusalList } from './markdown.ts'
import type { MethodEntry } from './method_entry.ts'
import type { Reference } from './reference.ts'
import { plainExample, schemaOf } from './reference.ts'
import type { ShapeBook } from './shape_book.ts'

/** The section for users, who call the method with a plain body. */
export function userSection(reference: Reference, entry: MethodEntry, shapes: ShapeBook): string {
  const { id, method } = entry
  const request = schemaOf(reference, `${id}.plain`)
  return [
    `### ${id}`,
    prose(`${method.about}.`),
    `*Who*: ${usersOf(entry)}. *Sent twice*: ${repetition(entry)}.`,
    `\`\`\`sh\n${natsCommand(reference, entry)}\n\`\`\``,
    '**Request**',
    fieldTable(request, reference.schemas, shapes.linkOfRequest),
    '**Reply**',
    replyTable(reference, id, shapes),
    ...(method.refuses.length === 0 ? [] : ['**Refusals**', refusalList(method.refuses)]),
  ].join('\n\n')
}

/** The section for services, which call the method with the body of a letter. */
export function serviceSection(reference: Reference, entry: MethodEntry, shapes: ShapeBook): string {
  const { id, method, callers } = entry
  const codes = [...new Set(method.refuses)].map((code) => linkTo(code, `\`${code}\``))
  return [
    `### ${id}`,
    prose(`${method.about}.`),
    `*Callers*: ${callers.join(', ')}. *Sent twice*: ${repetition(entry)}. *Refusals*: ` +
      `${codes.join(', ') || 'none of its own'}.`,
    '**Request**',
    fieldTable(schemaOf(reference, `${id}.request`), reference.schemas, shapes.linkOfRequest),
    '**Reply**',
    replyTable(reference, id, shapes),
  ].join('\n\n')
}

export function usersOf({ roles, needsSession, method }: MethodEntry): string {
  if (method.who !== undefined) return method.who
  if (!needsSession) return 'anybody, without a session'
  if (roles === undefined || roles.length === ROLES.length) return 'every user'
  return roles.length === 0 ? 'nobody' : roles.map((role) => `\`${role}\``).join(', ')
}

/** A reply that is a named shape links to it: the shape is described once for all methods that answer with it. */
function replyTable(reference: Reference, id: string, shapes: ShapeBook): string {
  const reply = schemaOf(reference, `${id}.reply`)
  const name = nameOf(reply)
  const isShared = name !== undefined && !name.endsWith('.reply')
  if (isShared) return `The [${commonName(name)}](${shapes.linkOfReply(name)}).`
  return fieldTable(reply, reference.schemas, shapes.linkOfReply, { isReply: true })
}

function repetition({ method }: MethodEntry): string {
  return method.idempotent === false ? '**does it again**' : 'harmless'
}

/** One line for a shell; the body is quoted so that the shell does not change it. */
function natsCommand(reference: Reference, { id, subject, needsSession }: MethodEntry): string {
  const body = JSON.stringify(plainExample(reference, id)).replaceAll("'", String.raw`'\''`)
  return `nats req ${subject} '${body}'${needsSession ? ' -H "Authorization: Bearer $TOKEN"' : ''}`
}
