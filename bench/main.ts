/**
 * `npm run bench`: measures calls, staged tasks and the start-up in one run against one broker. `--json` for programs.
 */
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { BenchDeployment } from './bench_deployment.ts'
import { startBenchDeployment } from './bench_deployment.ts'
import type { Plan } from './measurements.ts'
import { FULL_PLAN, measureAsks, measureStaged, openAsk, summarizeStarts } from './measurements.ts'
import type { BenchReport, Result } from './report.ts'
import { describeMachine, printTable } from './report.ts'
import { prepareStagedEcho } from './staged_tasks.ts'

const INTERRUPTED = 130

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const say = (text: string) => process.stderr.write(`${text}\n`)
let running: BenchDeployment | undefined
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    // The measurement under way fails when its deployment stops; that failure must not be the last thing that is said.
    const stopped = running?.stop() ?? Promise.resolve()
    void stopped.catch(() => {}).then(() => process.exit(INTERRUPTED))
  })
}

const report = await run(FULL_PLAN)
process.stdout.write(`${values.json ? JSON.stringify(report) : printTable(report)}\n`)
process.exit()

async function run(plan: Plan): Promise<BenchReport> {
  const [fewest = 1] = plan.workers
  const startsMs: number[] = []
  const start = async (): Promise<BenchDeployment> => {
    running = await startBenchDeployment(fewest, plan.slots, say)
    startsMs.push(running.deployment.startMs)
    say(`start ${startsMs.length} of ${plan.starts}: ${running.deployment.startMs} ms`)
    return running
  }
  while (startsMs.length < plan.starts - 1) await (await start()).stop()
  const bench = await start()
  try {
    return await measure(bench, plan, startsMs, fewest)
  } finally {
    await bench.stop()
  }
}

async function measure(
  bench: BenchDeployment,
  plan: Plan,
  startsMs: readonly number[],
  fewest: number,
): Promise<BenchReport> {
  await bench.join('bench_echo')
  await bench.join('bench_asker')
  await using ask = await openAsk(bench, plan.payloadBytes)
  await using user = await bench.connect()
  const results: Result[] = []
  say('calls')
  results.push(...(await measureAsks(ask, plan, say)))
  const message = randomBytes(plan.payloadBytes).toString('hex').slice(0, plan.payloadBytes)
  const stagedEcho = await prepareStagedEcho(user, await bench.adminPassword(), message)
  for (let workers = fewest; workers <= Math.max(...plan.workers); workers += 1) {
    if (workers > fewest) await bench.deployment.addWorker()
    if (!plan.workers.includes(workers)) continue
    say(`staged tasks, ${workers} ${workers === 1 ? 'worker' : 'workers'}`)
    results.push(...(await measureStaged(stagedEcho, ask, workers, plan, say)))
  }
  results.push(summarizeStarts(startsMs, fewest))
  return { apiVersion: 'v1', machine: describeMachine(user.brokerVersion), results }
}
