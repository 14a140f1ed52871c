/**
 * Installs a nats-server if there is none, and says what it does. It first tries the pinned version with `go install`,
 * which verifies it against Go's checksum database; then Debian's package, if the user is root. If neither works, it
 * refuses and names the commands to type. Whatever is fetched is verified by the tool that fetches it.
 */
import { execFile } from 'node:child_process'
import { access, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { delimiter, dirname, isAbsolute, join } from 'node:path'
import { Refusal } from '../../messages/index.ts'
import type { FoundServer, ServerSearch } from './find.ts'
import { cachedServerPath, findNatsServer, floorWarning } from './find.ts'
import { formatVersion, PINNED_VERSION } from './version.ts'

const GO_MODULE = `github.com/nats-io/nats-server/v2@v${PINNED_VERSION}`
const GO_MS_MAX = 10 * 60_000
const APT_MS_MAX = 5 * 60_000

/** Tells the operator something, one line at a time. */
export type Say = (text: string) => void

/**
 * Finds a nats-server, and installs one if there is none. Several processes may call this at once: each builds in its
 * own folder, and the last to finish puts the same file in the same place.
 * @throws Refusal `no_broker`, with the commands that would help
 */
export async function ensureNatsServer(search: ServerSearch, say: Say): Promise<FoundServer> {
  const found = (await findNatsServer(search)) ?? (await getNatsServer(search, say))
  const warning = floorWarning(found)
  if (warning !== undefined) say(warning)
  return found
}

async function getNatsServer(search: ServerSearch, say: Say): Promise<FoundServer> {
  const failures: string[] = []
  const ways = [
    { needs: await findTool('go', search), get: (go: string) => installByGo(go, search, say) },
    { needs: await findAptForRoot(search), get: (apt: string) => installByApt(apt, say) },
  ]
  for (const { needs, get } of ways) {
    if (needs === undefined) continue
    try {
      await get(needs)
      const found = await findNatsServer(search)
      if (found !== undefined) {
        say(`nats-server ${formatVersion(found.version)} is at ${found.path}`)
        return found
      }
      failures.push(`${needs} left no nats-server that runs here`)
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error))
    }
  }
  const tried = failures.length === 0 ? 'and neither Go nor a root shell on Debian to install it' : failures.join('; ')
  throw new Refusal('no_broker', `there is no nats-server in PATH, /usr/sbin or ${search.cacheFolder}, ${tried}`, {
    hint:
      `run "go install ${GO_MODULE}" or, as root on Debian, "apt-get install nats-server"; ` +
      'or name a binary with TACIT_NATS_SERVER=<path>, or a running broker with NATS_URL=nats://<host>:4222',
  })
}

async function installByGo(go: string, { cacheFolder }: ServerSearch, say: Say): Promise<void> {
  const target = cachedServerPath(cacheFolder)
  say(
    `no nats-server found: getting version ${PINNED_VERSION} with ${go} install into ${dirname(target)} (a ` +
      'minute or two)',
  )
  await mkdir(dirname(target), { recursive: true })
  const workFolder = await mkdtemp(join(cacheFolder, '.install-'))
  try {
    // `env` adds one variable and keeps the operator's environment, where Go finds its proxy and its caches.
    await run('env', [`GOBIN=${workFolder}`, go, 'install', GO_MODULE], GO_MS_MAX)
    await rename(join(workFolder, 'nats-server'), target)
  } finally {
    await rm(workFolder, { recursive: true, force: true })
  }
}

async function installByApt(apt: string, say: Say): Promise<void> {
  say(`no nats-server found: getting Debian's package with ${apt} install nats-server`)
  const install = ['DEBIAN_FRONTEND=noninteractive', apt, 'install', '-y', '--no-install-recommends', 'nats-server']
  try {
    await run('env', install, APT_MS_MAX)
  } catch {
    // A fresh machine has no package lists yet.
    await run(apt, ['update'], APT_MS_MAX)
    await run('env', install, APT_MS_MAX)
  }
}

async function findAptForRoot(search: ServerSearch): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return undefined
  return (await isReadable('/etc/debian_version')) ? findTool('apt-get', search) : undefined
}

async function findTool(name: string, search: ServerSearch): Promise<string | undefined> {
  const folders = [
    ...search.searchPath.split(delimiter).filter(isAbsolute),
    ...(name === 'go' ? ['/usr/local/go/bin'] : []),
  ]
  for (const folder of folders) {
    const path = join(folder, name)
    if (await isReadable(path, constants.X_OK)) return path
  }
  return undefined
}

async function isReadable(path: string, mode = constants.R_OK): Promise<boolean> {
  try {
    await access(path, mode)
    return true
  } catch {
    return false
  }
}

function run(command: string, parameters: string[], timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(command, parameters, { timeout: timeoutMs, maxBuffer: 16 * 1024 * 1024 }, (error, _stdout, stderr) => {
      if (error === null) return resolve()
      const lastLine = stderr.trim().split('\n').at(-1)
      const shown = parameters.filter((text) => !text.includes('=')).join(' ')
      reject(new Error(`"${shown}" failed: ${lastLine === '' || lastLine === undefined ? error.message : lastLine}`))
    })
  })
}
