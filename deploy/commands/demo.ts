/** `tacit demo`: starts a deployment in a temporary folder, runs one joint computation on it, and removes it all. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, extname, join } from 'node:path'
import type { Command } from 'commander'
import { parseItems, Refusal, TacitConnection } from '../../client/index.ts'
import { systemClock } from '../../runtime/index.ts'
import { generateLists } from '../demo/demo_lists.ts'
import { startDeployment } from '../deployment.ts'
import { runJointDemo } from '../demo/joint_demo.ts'
import { openSimulatedPlatform } from '../platform/simulated_platform.ts'
import { readAdminPassword } from '../state/state_folder.ts'
import type { OperatorContext } from './operator_context.ts'

const ITEMS = 5_000
const SEED = 20_25

export function addDemoCommand(program: Command, contextOf: (command: Command) => OperatorContext): void {
  program
    .command('demo')
    .description('start a deployment, run a joint computation of two parties on it, and stop everything')
    .option('--left <file>', "the first party's items, one per line")
    .option('--right <file>', "the second party's items, one per line")
    .action(async (options: { left?: string; right?: string }, command: Command) => {
      const { output, config, signal } = contextOf(command)
      const startedMs = systemClock.now()
      const lists = await readLists(options)
      const stateFolder = await mkdtemp(join(tmpdir(), 'tacit-demo-'))
      try {
        const deployment = await startDeployment({
          stateFolder,
          platform: (paths) => openSimulatedPlatform({ paths, clock: systemClock, say: output.say }),
          search: config.search,
          workers: 2,
          say: output.say,
          logLevel: config.logLevel,
          signal,
        })
        try {
          const services = deployment.services().length
          output.say(
            `started ${services} processes on ${deployment.natsUrl} in ${(deployment.startMs / 1000).toFixed(1)} s`,
          )
          const manifest = await readFile(deployment.manifestPath, 'utf8')
          const result = await runJointDemo({
            connect: () => TacitConnection.open({ url: deployment.natsUrl, manifest, signal }),
            manifest,
            adminPassword: await readAdminPassword(deployment.paths),
            ...lists,
            say: output.say,
            signal,
          })
          const written = await writeShared(options, result)
          const { leftShared: _left, rightShared: _right, natsVersion, ...document } = result
          const seconds = Math.round((systemClock.now() - startedMs) / 10) / 100
          output.result({ ...document, nats: { version: natsVersion }, seconds }, [
            `${result.result} (a comparison in the clear says ${result.expected})`,
            ...written.map((path) => `wrote ${path}`),
            `done in ${seconds} s`,
          ])
        } finally {
          await deployment.stop()
        }
      } finally {
        await rm(stateFolder, { recursive: true, force: true })
      }
    })
}

async function readLists({
  left,
  right,
}: {
  left?: string
  right?: string
}): Promise<{ left: string[]; right: string[] }> {
  if (left === undefined && right === undefined) return generateLists(ITEMS, SEED)
  if (left === undefined || right === undefined) {
    throw new Refusal('invalid_request', 'a joint computation needs two lists', {
      hint: 'give both --left and --right',
    })
  }
  return { left: await readList(left), right: await readList(right) }
}

async function readList(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Refusal('not_found', `${path} cannot be read`, { hint: 'name a text file with one item per line', cause })
  })
  return parseItems(text)
}

/** Writes each party's shared items to a file next to that party's list. */
async function writeShared(
  { left, right }: { left?: string; right?: string },
  result: { leftShared: string[]; rightShared: string[] },
): Promise<string[]> {
  if (left === undefined || right === undefined) return []
  const pairs = [
    [sharedPath(left), result.leftShared],
    [sharedPath(right), result.rightShared],
  ] as const
  for (const [path, items] of pairs) await writeFile(path, items.map((item) => `${item}\n`).join(''))
  return pairs.map(([path]) => path)
}

function sharedPath(path: string): string {
  return join(dirname(path), `${basename(path, extname(path))}.shared.txt`)
}
