/**
 * What the launcher measures of a trusted half before it starts it: the compiled files of the floors it stands on and
 * of its own service, and every runtime dependency. An extension's file stands in for the folder of a service; it may
 * import the client too. The project's own files are read at each start; the dependencies once.
 */
import { readdirSync, readFileSync, existsSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import { combineMeasurements, measureFiles } from '../../attestation/index.ts'
import type { MeasuredService } from '../services.ts'

/** Where the compiled code lies, also when this file runs from its source. */
const DIST = join(import.meta.dirname, import.meta.url.endsWith('.ts') ? '../../dist' : '../..')
/** Policies decide as code does. */
const CODE = /\.(?:c|m)?js$|\.json$|\.node$|\.wasm$|\.cedar(?:schema)?$/

/** What several services of the house load, beside their own folders. */
const SHARED = [join('actors', 'builtins')]

export interface CodeMeasurer {
  /** The measurement of a service's trusted half as it lies on disk now; 64 hex digits. */
  measure(service: MeasuredService): string
}

/** @param dist the folder with the compiled code; this one unless told */
export function createCodeMeasurer(dist = DIST): CodeMeasurer {
  const packageFolder = packageAround(dist)
  let dependencies: string | undefined
  return {
    measure({ name, path }) {
      dependencies ??= measureDependencies(packageFolder)
      const own = path === undefined ? [join('actors', name), ...SHARED] : ['client']
      const parts = ['messages', 'attestation', 'runtime', join('actors', 'main.js'), ...own]
      const files = parts.flatMap((part) => codeBelow(join(dist, part)).map((file) => relative(dist, file)))
      const extension = path === undefined ? [] : [measureFiles(dirname(path), [basename(path)])]
      return combineMeasurements([measureFiles(dist, files), dependencies, ...extension])
    },
  }
}

function measureDependencies(packageFolder: string): string {
  const folders = dependencyFolders(packageFolder)
  // Named by their place below node_modules, so that two checkouts of the same versions measure alike.
  const parts = [...folders]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([name, folder]) =>
        `${name} ${measureFiles(
          folder,
          codeBelow(folder).map((file) => relative(folder, file)),
        )}`,
    )
  return combineMeasurements(parts)
}

/** Runtime dependencies by `name@version`, found as Node finds them. */
function dependencyFolders(packageFolder: string): Map<string, string> {
  const found = new Map<string, string>()
  const visit = (folder: string) => {
    const { dependencies = {}, optionalDependencies = {} } = readPackage(folder)
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const place = resolvePackage(folder, name)
      if (place === undefined) continue // optional, and not for this machine
      const id = `${name}@${readPackage(place).version ?? ''}`
      if (found.has(id)) continue
      found.set(id, place)
      visit(place)
    }
  }
  visit(packageFolder)
  return found
}

interface PackageFile {
  version?: string
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

function readPackage(folder: string): PackageFile {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageFile
}

function resolvePackage(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name)
    if (existsSync(join(candidate, 'package.json'))) return candidate
    if (dirname(folder) === folder) return undefined
  }
}

function packageAround(folder: string): string {
  for (let above = folder; ; above = dirname(above)) {
    if (existsSync(join(above, 'package.json'))) return above
    if (dirname(above) === above) throw new Error('the code lies in no package')
  }
}

function codeBelow(path: string): string[] {
  if (CODE.test(path)) return [path]
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && CODE.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !relative(path, file).split(sep).includes('node_modules'))
}
