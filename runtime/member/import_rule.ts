/**
 * The rule of what an extension's file may import: this package by its public names, and modules of Node. It is one
 * file, so that all of it is measured; what is not measured must not be loaded. Node loads this module into a thread of
 * its own and calls `initialize`, then `resolve` for every import of the process.
 */

export interface ImportRule {
  /** The URL of the extension's file. */
  file: string
  /** In which form Node is to read it, whatever package lies around it. */
  format: 'module' | 'module-typescript'
  /** Where the running package has what it is asked for, by public name. */
  own: Readonly<Record<string, string>>
}

interface Resolved {
  url: string
  format?: string | null
  shortCircuit?: boolean
}

type Resolve = (specifier: string, context: { parentURL?: string }) => Resolved | Promise<Resolved>

let rule: ImportRule | undefined

export function initialize(given: ImportRule): void {
  rule = given
}

export function resolve(
  specifier: string,
  context: { parentURL?: string },
  nextResolve: Resolve,
): Resolved | Promise<Resolved> {
  if (rule === undefined) return nextResolve(specifier, context)
  const { file, format, own } = rule
  if (specifier === file) return { url: file, format, shortCircuit: true }
  if (context.parentURL !== file) return nextResolve(specifier, context)
  const url = Object.hasOwn(own, specifier) ? own[specifier] : undefined
  if (url !== undefined) return { url, format: 'module', shortCircuit: true }
  // What `node:module` makes loads files past this rule.
  if (specifier.startsWith('node:') && specifier !== 'node:module') return nextResolve(specifier, context)
  throw new Error(
    `it imports "${specifier}", but an own service is one file, so that all of it is measured; ` +
      'bundle what it imports ' +
      `(it may import ${Object.keys(own).join(', ')} and node:* except node:module)`,
  )
}
