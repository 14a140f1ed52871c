/**
 * Compiles to dist/ when a source is newer than what stands there. `--force` compiles anyway. It checks no types, so
 * that a start is quick; `npm run check` does.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'

const root = import.meta.dirname
const rooms = ['messages', 'attestation', 'runtime', 'actors', 'client', 'deploy', 'bench', 'examples']
/** What is compiled, and what is read by the code as it is: policies, which are measured with it. */
const SOURCE = /\.(?:ts|cedar|cedarschema)$/
const begun = new Date()
const stamp = join(root, 'dist', '.built')

const sources = rooms.flatMap((room) =>
  existsSync(join(root, room))
    ? readdirSync(join(root, room), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && SOURCE.test(entry.name))
        .map((entry) => join(entry.parentPath, entry.name))
    : [],
)
const newest = Math.max(
  ...[...sources, join(root, 'tsconfig.json'), join(root, 'tsconfig.build.json')].map((file) => statSync(file).mtimeMs),
)
const stale = !existsSync(stamp) || statSync(stamp).mtimeMs < newest

if (stale || process.argv.includes('--force')) {
  // Into a folder of its own, then swapped in whole: a file whose source is gone must not stay, since the trusted
  // halves are measured by what lies in dist/, and nobody must find it half written.
  const fresh = join(root, `dist.new-${process.pid}`)
  const old = join(root, `dist.old-${process.pid}`)
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const options = ['-p', 'tsconfig.build.json', '--noCheck', '--outDir', fresh]
  const { status } = spawnSync(process.execPath, [tsc, ...options], { cwd: root, stdio: 'inherit' })
  if (status === 0) {
    for (const file of sources.filter((source) => !source.endsWith('.ts'))) {
      const copy = join(fresh, relative(root, file))
      mkdirSync(dirname(copy), { recursive: true })
      copyFileSync(file, copy)
    }
    writeFileSync(join(fresh, '.built'), '')
    utimesSync(join(fresh, '.built'), begun, begun)
    chmodSync(join(fresh, 'deploy', 'tacit.js'), 0o755) // npm gives it the bit only when it links it first
    if (existsSync(join(root, 'dist'))) renameSync(join(root, 'dist'), old)
    renameSync(fresh, join(root, 'dist'))
  }
  for (const leftover of [fresh, old]) rmSync(leftover, { recursive: true, force: true })
  if (status !== 0) process.exit(status ?? 1)
}
