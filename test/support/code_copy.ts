/**
 * A copy of the compiled code that a scenario may change: the deployment measures and runs this copy. The dependencies
 * are those of the checkout.
 */
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DeploymentOptions } from '../../deploy/deployment.ts'
import type { CodeMeasurer } from '../../deploy/platform/code_measurement.ts'
import { createCodeMeasurer } from '../../deploy/platform/code_measurement.ts'
import { openSimulatedPlatform } from '../../deploy/platform/simulated_platform.ts'
import { systemClock } from '../../runtime/index.ts'
import { temporaryFolder } from './temporary_folder.ts'

const ROOT = join(import.meta.dirname, '../..')

export interface CodeCopy extends AsyncDisposable {
  /** How a deployment runs this code and measures it. */
  readonly options: Pick<DeploymentOptions, 'entryPath' | 'platform'>
  readonly entryPath: string
  readonly measurer: CodeMeasurer
  /** Rewrites a compiled file, named from `dist` on. @returns puts the file back as it was */
  change(file: string, edit: (text: string) => string): Promise<() => Promise<void>>
}

export async function copyCode(): Promise<CodeCopy> {
  const folder = await temporaryFolder()
  const dist = join(folder.path, 'dist')
  await mkdir(dist)
  await Promise.all([
    // All that a trusted half can load; the rest of the code is not started from this copy.
    ...['messages', 'attestation', 'runtime', 'actors'].map((room) =>
      cp(join(ROOT, 'dist', room), join(dist, room), { recursive: true }),
    ),
    cp(join(ROOT, 'package.json'), join(folder.path, 'package.json')),
    symlink(join(ROOT, 'node_modules'), join(folder.path, 'node_modules')),
  ])
  const measurer = createCodeMeasurer(dist)
  const entryPath = join(dist, 'actors', 'main.js')
  return {
    entryPath,
    measurer,
    options: {
      entryPath,
      platform: (paths) => openSimulatedPlatform({ paths, clock: systemClock, say: () => {}, measurer }),
    },
    async change(file, edit) {
      const path = join(dist, file)
      const before = await readFile(path, 'utf8')
      await writeFile(path, edit(before))
      return () => writeFile(path, before)
    },
    [Symbol.asyncDispose]: folder[Symbol.asyncDispose],
  }
}

/**
 * A copy in which `builtin-echo` may take its time: a message `{ "wait_ms": n }` keeps the function's thread for that
 * long without ever yielding, as a function of somebody else's might.
 */
export async function copyCodeWithSlowEcho(): Promise<CodeCopy> {
  const copy = await copyCode()
  await copy.change(
    'actors/builtins/registry.js',
    (text) => `${text}
const quickEcho = BUILTINS.get('builtin-echo')
BUILTINS.set('builtin-echo', {
  ...quickEcho,
  run(call) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, call.arguments.message?.wait_ms ?? 0)
    return quickEcho.run(call)
  },
})
`,
  )
  return copy
}
