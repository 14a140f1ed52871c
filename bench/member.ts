/**
 * The entry of the benchmark's forked members: it takes its configuration from the host, enrols, and plays its role.
 */
import { Refusal } from '../messages/index.ts'
import type { Service, ServiceHost } from '../runtime/index.ts'
import { createLog, openHostLink, startMember, systemClock } from '../runtime/index.ts'
import { startAsker } from './asker_member.ts'
import type { BareConnection } from './bare_calls.ts'
import { connectBare } from './bare_calls.ts'
import { startEcho } from './echo_member.ts'
import { benchAsker, benchEcho } from './protocols.ts'

const roles: Readonly<Record<string, (host: ServiceHost, connection: BareConnection) => Service>> = {
  [benchEcho.name]: startEcho,
  [benchAsker.name]: startAsker,
}

const link = openHostLink(process, systemClock)
const config = await link.configure()
const fail = (refusal: Refusal) => {
  link.tellFailed(refusal)
  setTimeout(() => process.exit(1), 50)
}

try {
  const begin = roles[config.service]
  if (begin === undefined) throw new Refusal('unsupported', `the benchmark has no role "${config.service}"`)
  link.tellState('attesting')
  const member = await startMember({
    config,
    clock: systemClock,
    log: createLog(config.service, config.logLevel),
    attest: (reportData) => link.attest(reportData),
    onLost: fail,
    start: async (host) => begin(host, await connectBare(config.natsUrl, config.natsUser, config.natsPassword, 'bare')),
  })
  link.onDrain(() => void member.drain().then(() => process.exit(0)))
  link.tellState('ready', { memberId: member.memberId, measurement: member.measurement })
} catch (error) {
  fail(error instanceof Refusal ? error : new Refusal('internal', String(error), { cause: error }))
}
