/** What both pages of the reference need of Markdown: headings that can be linked to, and lists of refusals. */
import type { RefusalCode } from '../../messages/index.ts'
import { REFUSAL_MEANINGS } from '../../messages/index.ts'

export const MADE_FROM = 'Made from the protocols in `messages/protocols/` by `npm run docs`; do not edit.'

/** The anchor of a heading, as GitHub and GitLab make it. */
export function anchorOf(heading: string): string {
  return `#${heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, '')
    .replaceAll(' ', '-')}`
}

export function linkTo(heading: string, text = heading): string {
  return `[${text}](${anchorOf(heading)})`
}

/** Text of a protocol within a page: what looks like a tag is none, unless it is code. */
export function prose(text: string): string {
  return text.replaceAll(/`[^`]*`|</g, (part) => (part === '<' ? String.raw`\<` : part))
}

export function refusalList(codes: readonly RefusalCode[]): string {
  return [...new Set(codes)].map((code) => `- ${linkTo(code, `\`${code}\``)}: ${REFUSAL_MEANINGS[code]}`).join('\n')
}

/** A row of a table; what would end a cell or the row is kept from doing so. */
export function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
}
