/**
 * The deployment that is measured: a whole one with a broker of its own, and beside it two enrolled members that only
 * the benchmark has. They reach the broker as its operator, since no permissions are written for their roles.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TacitConnection } from '../client/index.ts'
import type { Deployment, MemberProcess } from '../deploy/index.ts'
import { readAdminPassword, readConfig, startDeployment, startMemberProcess } from '../deploy/index.ts'
import { manifestDigest } from '../attestation/index.ts'
import { defined, Refusal } from '../messages/index.ts'
import type { connectBroker } from '../runtime/index.ts'
import { systemClock } from '../runtime/index.ts'
import type { BenchPlatform, BenchRole } from './bench_platform.ts'
import { openBenchPlatform } from './bench_platform.ts'

const STOP_MS_MAX = 10_000

export interface BenchDeployment {
  readonly deployment: Deployment
  /** Starts an enrolled member of one of the benchmark's roles, and resolves when it serves. */
  join(role: BenchRole): Promise<void>
  connect(): Promise<TacitConnection>
  adminPassword(): Promise<string>
  /** How to reach the broker with every permission. */
  operatorAddress(name: string): Parameters<typeof connectBroker>[0]
  stop(): Promise<void>
}

/** @param slots runs at once in each worker */
export async function startBenchDeployment(
  workers: number,
  slots: number,
  say: (text: string) => void,
): Promise<BenchDeployment> {
  const dist = join(import.meta.dirname, import.meta.url.endsWith('.ts') ? '../dist' : '..')
  const stateFolder = await mkdtemp(join(tmpdir(), 'tacit-bench-'))
  const removeFolder = () => rm(stateFolder, { recursive: true, force: true })
  let platform: BenchPlatform | undefined
  const deployment = await startDeployment({
    stateFolder,
    platform: async (paths) => (platform = await openBenchPlatform(paths, dist)),
    search: readConfig().search,
    workers,
    slots,
    say,
    ...defined({ entryPath: import.meta.url.endsWith('.ts') ? join(dist, 'actors', 'main.js') : undefined }),
  }).catch(async (error: unknown) => {
    await removeFolder()
    throw error
  })
  const manifest = await readFile(deployment.manifestPath, 'utf8')
  const leave: (() => Promise<void>)[] = []
  let stopped: Promise<void> | undefined
  const stop = async () => {
    await Promise.all(leave.map((end) => end()))
    await deployment.stop()
    await removeFolder()
  }

  return {
    deployment,
    async join(role) {
      leave.push(await joinMember(deployment, platform!, role, join(dist, 'bench', 'member.js'), manifest))
    },
    connect: () => TacitConnection.open({ url: deployment.natsUrl, manifest }),
    adminPassword: () => readAdminPassword(deployment.paths),
    operatorAddress: (name) => ({ url: deployment.natsUrl, ...deployment.operator, name }),
    stop: () => (stopped ??= stop()),
  }
}

/** @returns a function that drains the member, and resolves when its process is gone */
async function joinMember(
  { natsUrl, operator, paths }: Deployment,
  platform: BenchPlatform,
  role: BenchRole,
  entryPath: string,
  manifest: string,
): Promise<() => Promise<void>> {
  const config = {
    service: role,
    instance: 0,
    natsUrl,
    natsUser: operator.user,
    natsPassword: operator.password,
    manifest,
    manifestDigest: manifestDigest(manifest),
    settings: {},
    logLevel: 'info',
    plainRequests: true,
  }
  let noteEnd = (_how: string) => {}
  const ended = new Promise<string>((resolve) => {
    noteEnd = resolve
  })
  const member = await new Promise<MemberProcess>((resolve, reject) => {
    const started = startMemberProcess({
      config,
      entryPath,
      device: platform.benchDevice(role),
      logPath: join(paths.logs, `${role}.log`),
      clock: systemClock,
      onState: ({ state }) => {
        if (state === 'ready') resolve(started)
      },
      onFailed: ({ code, message }) => reject(new Refusal(code, message)),
      onEnd: (how) => {
        noteEnd(how)
        reject(new Refusal('unavailable', `${role} ended: ${how}`))
      },
    })
  })
  return async () => {
    member.drain()
    const cancel = systemClock.after(STOP_MS_MAX, () => member.kill())
    await ended
    cancel()
  }
}
