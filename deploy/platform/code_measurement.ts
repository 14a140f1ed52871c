/**
 * What the launcher measures of a trusted half before it starts it: the compiled files of its own service and of the
 * layers below it, and every runtime dependency. For an extension, its file takes the place of the service's folder; it
 * may import the client too, so that is measured with it. The launcher reads the project's own files at each start, and
 * the dependencies once.
 */
import { readdirSync, readFileSync, existsSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import { combineMeasurements, measureFiles } from '../../attestation/index.ts'
import type { MeasuredService } from '../services.ts'

/** The folder of the compiled code, also if this file itself runs from its source. */
const DIST = join(import.meta.dirname, import.meta.url.endsWith('.ts') ? '../../dist' : '../..')
/** The files that count as code. Policies are among them: they decide, as code does. */
const CODE = /\.(?:c|m)?js$|\.json$|\.node$|\.wasm$|\.cedar(?:schema)?$/

/** What several built-in services load in addition to their own folders. */
const SHARED = [join('actors', 'builtins')]

export interface CodeMeasurer {
  /** The measurement of a service's trusted half as it is on disk now, in 64 hex digits. */
  measure(service: MeasuredService): string
}

/** @param dist the folder with the compiled code; by default the one of this code itself */
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
  // Folders are named by `name@version`, not by their path, so two checkouts of the same versions measure alike.
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

/** The folders of the runtime dependencies by `name@version`, found the way Node finds them. */
function dependencyFolders(packageFolder: string): Map<string, string> {
  const found = new Map<string, string>()
  const visit = (folder: string) => {
    const { dependencies = {}, optionalDependencies = {} } = readPackage(folder)
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const place = resolvePackage(folder, name)
      if (place === undefined) continue // optional, and not installed on this machine
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
