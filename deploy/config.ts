/**
 * Reads the environment; nothing else here does. A flag overrides the environment: a command passes its flags to the
 * functions it calls, and uses these values where a flag is absent.
 */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { PartyEnvironment } from '../client/cli/index.ts'
import { isBrokerUrl, LOCAL_STATE } from '../client/cli/index.ts'
import { defined, mapDefined, Refusal } from '../messages/index.ts'
import type { LogLevel } from '../runtime/index.ts'
import { parseLogLevel } from '../runtime/index.ts'
import type { ServerSearch } from './nats_server/find.ts'

export interface OperatorConfig {
  /** `NATS_URL`: a broker that already runs. If it is absent, the deployment starts its own. */
  natsUrl?: string
  /** `TACIT_STATE`, or `.tacit` in the working directory; absolute. */
  stateFolder: string
  /** What a party's commands use: `NATS_URL`, `TACIT_MANIFEST`, `TACIT_STATE`, `TACIT_CONTEXT` and `TACIT_USER`. */
  party: PartyEnvironment
  /** `TACIT_HOME`, or `tacit` below the user's configuration folder: where contexts and sessions are kept. */
  homeFolder: string
  /** `TACIT_LOG`: how much the services log. */
  logLevel: LogLevel
  /** False with `NO_COLOR`. */
  color: boolean
  /** Where to look for a nats-server: `TACIT_NATS_SERVER`, `PATH`, and the cache below `XDG_CACHE_HOME`. */
  search: ServerSearch
}

/** @throws Refusal `invalid_request` that names the variable with an unusable value */
export function readConfig(environment: Readonly<Record<string, string | undefined>> = process.env): OperatorConfig {
  // An empty variable counts as absent, as in a shell's `VAR= command`.
  const read = (name: string) => (environment[name] === '' ? undefined : environment[name])
  const natsUrl = read('NATS_URL')
  const explicitPath = read('TACIT_NATS_SERVER')
  return {
    ...defined({ natsUrl: mapDefined(natsUrl, checkUrl) }),
    stateFolder: resolve(read('TACIT_STATE') ?? LOCAL_STATE),
    party: defined({
      nats: natsUrl,
      manifest: read('TACIT_MANIFEST'),
      state: read('TACIT_STATE'),
      context: read('TACIT_CONTEXT'),
      user: read('TACIT_USER'),
    }),
    homeFolder: resolve(read('TACIT_HOME') ?? join(read('XDG_CONFIG_HOME') ?? join(homedir(), '.config'), 'tacit')),
    logLevel: parseLogLevel(read('TACIT_LOG') ?? 'info', 'TACIT_LOG'),
    color: read('NO_COLOR') === undefined,
    search: {
      ...defined({ explicitPath: mapDefined(explicitPath, (path) => resolve(path)) }),
      // Debian installs servers in /usr/sbin, which is only in root's PATH.
      searchPath: `${read('PATH') ?? '/usr/local/bin:/usr/bin:/bin'}:/usr/sbin`,
      cacheFolder: join(read('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'tacit'),
    },
  }
}

function checkUrl(url: string): string {
  if (isBrokerUrl(url)) return url
  throw new Refusal('invalid_request', `NATS_URL is "${url}", which is not the URL of a broker`, {
    hint: 'give it as nats://host:4222',
    field: 'NATS_URL',
  })
}
