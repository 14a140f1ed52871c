/** JSON for people and for version control: what is short stands on one line, what is long has a line for each part. */

const LINE_LENGTH_MAX = 120

export function foldedJson(value: unknown, indent = ''): string {
  const flat = JSON.stringify(value)
  if (typeof value !== 'object' || value === null || indent.length + flat.length <= LINE_LENGTH_MAX) return flat
  const inside = `${indent}  `
  const isList = Array.isArray(value)
  const parts = Object.entries(value)
    // As JSON.stringify does, whose one line this is the long form of.
    .filter(([, part]) => part !== undefined)
    .map(([key, part]) => `${inside}${isList ? '' : `${JSON.stringify(key)}: `}${foldedJson(part, inside)}`)
  return `${isList ? '[' : '{'}\n${parts.join(',\n')}\n${indent}${isList ? ']' : '}'}`
}
