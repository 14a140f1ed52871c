/** The Markdown that both pages of the reference use: links to headings, and lists of refusals. */
import type { RefusalCode } from '../../messages/index.ts'
import { REFUSAL_MEANINGS } from '../../messages/index.ts'

export const MADE_FROM = 'Made from the protocols in `messages/protocols/` by `npm run docs`; do not edit.'

/** The anchor that GitHub and GitLab give a heading. */
export function anchorOf(heading: string): string {
  return `#${heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, '')
    .replaceAll(' ', '-')}`
}

export function linkTo(heading: string, text = heading): string {
  return `[${text}](${anchorOf(heading)})`
}

/** Text of a protocol for use in a page: escapes what looks like an HTML tag, except in code. */
export function prose(text: string): string {
  return text.replaceAll(/`[^`]*`|</g, (part) => (part === '<' ? String.raw`\<` : part))
}

export function refusalList(codes: readonly RefusalCode[]): string {
  return [...new Set(codes)].map((code) => `- ${linkTo(code, `\`${code}\``)}: ${REFUSAL_MEANINGS[code]}`).join('\n')
}

/** A row of a table; escapes whatever would end a cell or the row. */
export function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
}
