/**
 * Compiles to dist/ when a source is newer than what stands there. `--force` compiles anyway. It checks no types, so that
 * a start is quick; `npm run check` does.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = import.meta.dirname
const rooms = ['messages', 'attestation', 'runtime', 'actors', 'client', 'deploy', 'bench', 'examples']
const stamp = join(root, 'dist', '.built')

const sources = rooms.flatMap((room) =>
  existsSync(join(root, room))
    ? readdirSync(join(root, room), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
        .map((entry) => join(entry.parentPath, entry.name))
    : [],
)
const newest = Math.max(...[...sources, join(root, 'tsconfig.json'), join(root, 'tsconfig.build.json')].map((file) => statSync(file).mtimeMs))
const stale = !existsSync(stamp) || statSync(stamp).mtimeMs < newest

if (stale || process.argv.includes('--force')) {
  // A file whose source is gone must not stay: the trusted halves are measured by what lies here.
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--noCheck'], { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
  writeFileSync(stamp, '')
}
