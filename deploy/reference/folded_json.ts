/** JSON for people and for version control: a short value is on one line, a long value has one line for each part. */

const LINE_LENGTH_MAX = 120

export function foldedJson(value: unknown, indent = ''): string {
  const flat = JSON.stringify(value)
  if (typeof value !== 'object' || value === null || indent.length + flat.length <= LINE_LENGTH_MAX) return flat
  const inside = `${indent}  `
  const isList = Array.isArray(value)
  const parts = Object.entries(value)
    // JSON.stringify leaves these out too, so the long form has the same content as the one line.
    .filter(([, part]) => part !== undefined)
    .map(([key, part]) => `${inside}${isList ? '' : `${JSON.stringify(key)}: `}${foldedJson(part, inside)}`)
  return `${isList ? '[' : '{'}\n${parts.join(',\n')}\n${indent}${isList ? ']' : '}'}`
}
