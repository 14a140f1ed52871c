/** The page for users: every method that a plain request can call, by service, each with an example to copy. */
import type { RefusalCode } from '../../messages/index.ts'
import { COMMON_REFUSALS, REFUSAL_MEANINGS, REFUSALS } from '../../messages/index.ts'
import { linkTo, MADE_FROM, prose, row } from './markdown.ts'
import type { MethodEntry } from './method_entry.ts'
import { isForUsers } from './method_entry.ts'
import { userSection, usersOf } from './method_sections.ts'
import type { Reference } from './reference.ts'
import { ShapeBook } from './shape_book.ts'

const INTRODUCTION = `# The API

${MADE_FROM}

What users may ask of a deployment: each method, with a request to copy. The SDK (\`tacit/client\`)
has a function for each of them, typed, with the same fields, and sends them sealed;
\`tacit schema <method>\` prints the schema of one. [asyncapi.json](asyncapi.json) says all of this for
programs, and [services.md](services.md) what services ask of each other.`

const CALLING = `## Calling

The requests here are plain ones, by the \`nats\` command: \`nats req tacit.<service>.<method> '<JSON>'\`.
The broker can read them, so a deployment says whether it takes them (\`npm start\` does).

**Session.** Log in once, and give the token in the header \`Authorization\`:

\`\`\`sh
LOGIN='{"id":"alice","password":"a long password of alice"}'
TOKEN=$(nats req --raw tacit.authentication.user_login "$LOGIN" | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')
\`\`\`

**Repeating.** A request that got no answer may be sent again. With the same header \`Nats-Msg-Id\`
(\`-H "Nats-Msg-Id: <text of your own>"\`, at most 128 characters) it is the same request, and what is
*harmless* below is done once. A method that *does it again* is the exception.

**Bytes.** Byte strings are base64 text. Moments are milliseconds since 1970.

**Pages.** A list comes in pages. Where the reply has \`next\`, ask again with it as \`after\`.

**Refusals.** An answer with the header \`Tacit-Code\` is a refusal; its body is
\`{"code", "message", "hint", "field"}\`, the last two where they help. The code is for programs, the
text for people. Each method names its own refusals; any may also answer with one of
[these](#refusals-of-any-method).`

const REFUSING = `## Refusals

Every code there is, also those of commands and services. The advice is for programs: \`fix\` the
request, or what it is about; \`retry\` the same one later; \`stop\` trusting the other side.`

export function apiPage(reference: Reference): string {
  const entries = reference.entries.filter(isForUsers)
  const services = reference.protocols.filter(({ name }) => entries.some(({ service }) => service === name))
  const shapes = new ShapeBook(reference)
  const methods = services.map(({ name, about }) => ({
    heading: name,
    about: `${about}.`,
    contents: contentsOf(entries.filter(({ service }) => service === name)),
    sections: entries.filter(({ service }) => service === name).map((entry) => userSection(reference, entry, shapes)),
  }))
  const described = shapes.sections()
  const parts = [
    INTRODUCTION,
    `## Contents`,
    ['Calling', ...services.map(({ name }) => name), 'Shapes', 'Refusals']
      .map((heading) => linkTo(heading))
      .join(' · '),
    CALLING,
    ...methods.flatMap(({ heading, about, contents, sections }) => [`## ${heading}`, about, contents, ...sections]),
    '## Shapes',
    'What several methods take or answer. In a reply, a field with a default is always there.',
    ...[...described].map(([heading, text]) => `### ${heading}\n\n${text}`),
    REFUSING,
    refusals(),
    '### Refusals of any method',
    COMMON_REFUSALS.map((code) => linkTo(code, `\`${code}\``)).join(', '),
  ]
  return `${parts.join('\n\n')}\n`
}

function contentsOf(entries: readonly MethodEntry[]): string {
  const rows = entries.map((entry) =>
    row([linkTo(entry.id, entry.name), prose(`${entry.method.about}.`), usersOf(entry)]),
  )
  return ['| method | | who |', '|---|---|---|', ...rows].join('\n')
}

function refusals(): string {
  const rows = Object.entries(REFUSALS).map(([code, { advice }]) =>
    // The keys of the table are the codes.
    row([`<a id="${code}"></a>\`${code}\``, REFUSAL_MEANINGS[code as RefusalCode], `\`${advice}\``]),
  )
  return ['| code | meaning | advice |', '|---|---|---|', ...rows].join('\n')
}
