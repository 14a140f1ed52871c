/** `npm run bench`: measures calls, staged tasks and the start-up in one run against one broker. `--json` for programs. */
import { parseArgs } from 'node:util'
import { randomBytes } from 'node:crypto'
import { startBenchDeployment } from './bench_deployment.ts'
import { FULL_PLAN, measureAsks, measureStaged, openAsk, summarizeStarts } from './measurements.ts'
import type { BenchReport, Result } from './report.ts'
import { describeMachine, printTable } from './report.ts'
import { prepareStagedEcho } from './staged_tasks.ts'

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const say = (text: string) => process.stderr.write(`${text}\n`)
const report = await run()
process.stdout.write(`${values.json ? JSON.stringify(report) : printTable(report)}\n`)
process.exit()

async function run(): Promise<BenchReport> {
  const plan = FULL_PLAN
  const [fewest = 1] = plan.workers
  const startsMs: number[] = []
  for (let start = 1; start < plan.starts; start += 1) {
    const bench = await startBenchDeployment(fewest, plan.slots, say)
    startsMs.push(bench.deployment.startMs)
    await bench.stop()
    say(`start ${start} of ${plan.starts}: ${bench.deployment.startMs} ms`)
  }

  const bench = await startBenchDeployment(fewest, plan.slots, say)
  startsMs.push(bench.deployment.startMs)
  try {
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
      say(`staged tasks, ${workers} workers`)
      results.push(...(await measureStaged(stagedEcho, ask, workers, plan, say)))
    }
    results.push(summarizeStarts(startsMs, fewest))
    return { apiVersion: 'v1', machine: describeMachine(user.brokerVersion), results }
  } finally {
    await bench.stop()
  }
}
