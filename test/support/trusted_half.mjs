/**
 * A stand-in for what the launcher forks: a real process that speaks the launcher's side of the contract and nothing
 * else. `settings.act` says how it behaves; what it was given goes to the file `settings.report`, where there is one.
 */
import { existsSync, writeFileSync } from 'node:fs'

const say = (message) => process.send(message)
const answer = (type) =>
  new Promise((resolve) => {
    const listen = (message) => {
      if (message.type !== type && message.type !== 'error') return
      process.off('message', listen)
      resolve(message)
    }
    process.on('message', listen)
  })

const acts = {
  serve: () => serve(),
  crash: () => process.exit(3),
  /** Ends once, and serves from then on; `mark` is where it remembers. */
  crash_once(settings) {
    if (existsSync(settings.mark)) return serve()
    writeFileSync(settings.mark, '')
    process.exit(3)
  },
  refuse(settings) {
    say({ type: 'failed', code: settings.code, message: 'the evidence was refused', hint: 'start it as it was built' })
    process.exit(1)
  },
  ignore_drain() {
    process.off('message', drain)
    say({ type: 'state', state: 'ready' })
  },
  hang() {},
  async make_admin() {
    const saved = answer('saved')
    say({ type: 'admin_password', id: 'admin', password: 'a-long-random-one' })
    report.saved = await saved
    await serve()
  },
}

const report = { env: { ...process.env }, execArgv: process.execArgv }
let settings = {}

async function serve() {
  say({ type: 'state', state: 'attesting' })
  const evidence = answer('evidence')
  say({ type: 'attest', id: 1, reportData: new Uint8Array(64).fill(7) })
  report.evidence = await evidence
  const key = answer('sealing_key')
  say({ type: 'get_sealing_key', id: 2 })
  report.key = await key
  if (settings.report !== undefined) writeFileSync(settings.report, JSON.stringify(report))
  say({ type: 'state', state: 'ready', memberId: `fixture-${process.pid}`, measurement: 'ab'.repeat(32) })
}

function drain(message) {
  if (message.type === 'drain') process.exit(0)
}

process.on('message', drain)
process.once('disconnect', () => process.exit(0))
const configured = answer('configure')
say({ type: 'hello' })
const { config } = await configured
report.config = config
settings = config.settings
await acts[settings.act ?? 'serve'](settings)
