/** The page for whoever writes or operates services: what services ask of each other, always in envelopes. */
import type { Protocol } from '../../messages/index.ts'
import { anchorOf, linkTo, MADE_FROM, prose, row } from './markdown.ts'
import type { MethodEntry } from './method_entry.ts'
import { isForUsers } from './method_entry.ts'
import { serviceSection } from './method_sections.ts'
import type { Reference } from './reference.ts'
import { ShapeBook } from './shape_book.ts'

const API_PAGE = 'api.md'

const INTRODUCTION = `# Between services

${MADE_FROM}

What services ask of each other, and what an outside party may ask only in an envelope
([docs/protocol.md](../protocol.md)): the fields are those of a letter's body. Whoever is named as a
caller may ask, and nobody else: the broker's permissions and the receiver's check are both made from
this. A refusal means what the [page for users](${API_PAGE}#refusals) says.`

export function servicesPage(reference: Reference): string {
  const entries = reference.entries.filter((entry) => !isForUsers(entry))
  const own = entries.filter(({ forwardOf }) => forwardOf === undefined)
  const services = reference.protocols.filter(({ name }) => entries.some(({ service }) => service === name))
  const shapes = new ShapeBook(reference)
  const sections = services.map((protocol) => serviceSections(reference, protocol, entries, shapes))
  const described = shapes.sections()
  const rows = own.map((entry) => row([linkTo(entry.id), prose(`${entry.method.about}.`), entry.callers.join(', ')]))
  const parts = [
    INTRODUCTION,
    '## Contents',
    [...services.map(({ name }) => linkTo(name)), linkTo('Shapes')].join(' · '),
    ['| method | | callers |', '|---|---|---|', ...rows].join('\n'),
    ...sections,
    '## Shapes',
    ...[...described].map(([heading, text]) => `### ${heading}\n\n${text}`),
  ]
  return `${parts.join('\n\n').replaceAll(REFUSAL_LINK, `[$1](${API_PAGE}#$2)`)}\n`
}

/** A link to a refusal. The other page explains what refusals mean, so such a link must lead there. */
const REFUSAL_LINK = /\[(`\w+`)\]\(#(\w+)\)/g

function serviceSections(
  reference: Reference,
  { name, about }: Protocol,
  entries: readonly MethodEntry[],
  shapes: ShapeBook,
): string {
  const here = entries.filter(({ service }) => service === name)
  const forwarded = here.filter(({ forwardOf }) => forwardOf !== undefined)
  const list = forwarded.map(({ name: method, forwardOf = '' }) => `[${method}](${API_PAGE}${anchorOf(forwardOf)})`)
  return [
    `## ${name}`,
    `${about}.`,
    ...(list.length === 0
      ? []
      : [
          `Handed on by ${forwarded[0]?.callers.join(', ')}, as \`{ caller, request }\` with who is asking, and ` +
            `answered as there: ${list.join(', ')}.`,
        ]),
    ...here.filter(({ forwardOf }) => forwardOf === undefined).map((entry) => serviceSection(reference, entry, shapes)),
  ].join('\n\n')
}
