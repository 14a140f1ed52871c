/**
 * Reads the extensions that an operator names, before anything starts: loads each file in a process of its own to learn
 * its protocol, and then checks all of them together. An extension that could not run is refused here, with the reason.
 */
import { fork } from 'node:child_process'
import { lstat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { callersOf, CALLER_KINDS, parseRefusal, Refusal, SERVICES } from '../../messages/index.ts'
import type { Clock } from '../../runtime/index.ts'
import type { Extension, ProtocolNote } from '../services.ts'
import { protocolFrom, protocolNote } from '../services.ts'
import { CLEAN_ENVIRONMENT } from './member_process.ts'

const description = z.union([
  z.strictObject({ protocol: protocolNote }),
  z.strictObject({ refusal: z.looseObject({}) }),
])

const READ_MS_MAX = 10_000
const EXTENSIONS_MAX = 64

/**
 * @param paths the files, as the operator names them
 * @throws Refusal naming the file and what is wrong with it
 */
export async function readExtensions(paths: readonly string[], clock: Clock): Promise<Extension[]> {
  if (paths.length > EXTENSIONS_MAX) {
    throw new Refusal('invalid_request', `a deployment can have at most ${EXTENSIONS_MAX} added services`)
  }
  const extensions: Extension[] = []
  // One after another, so that the refusal names the first wrong file, and few processes run at once.
  for (const path of paths) extensions.push(await readExtension(resolve(path), clock))
  checkTogether(extensions)
  return extensions
}

async function readExtension(path: string, clock: Clock): Promise<Extension> {
  const entry = await lstat(path).catch((cause: unknown) => {
    throw new Refusal('not_found', `the service's file ${path} cannot be read`, {
      hint: 'name a file that exists',
      cause,
    })
  })
  if (!entry.isFile()) {
    throw new Refusal('invalid_request', `${path} is not a file, so it cannot be measured`, {
      hint: 'name the one file of the service itself, not a folder or a link',
    })
  }
  const protocol = protocolFrom(await describe(path, clock))
  return { name: protocol.name, path, protocol }
}

/** Learns the file's protocol from a process that loads the file, and that is gone afterwards. */
function describe(path: string, clock: Clock): Promise<ProtocolNote> {
  const child = fork(describerPath(), [path], { env: CLEAN_ENVIRONMENT, execArgv: [], stdio: 'ignore' })
  const name = basename(path)
  return new Promise<ProtocolNote>((done, reject) => {
    const cancel = clock.after(READ_MS_MAX, () =>
      reject(
        new Refusal('deadline_exceeded', `${name} was not loaded within ${READ_MS_MAX / 1000} s`, {
          hint: 'move slow work from the top level of the file into the function that service() is given',
        }),
      ),
    )
    child.once('message', (raw) => {
      const said = description.safeParse(raw)
      if (!said.success) return reject(unreadable(name, 'it sent something other than its protocol'))
      if ('protocol' in said.data) done(said.data.protocol)
      else reject(parseRefusal(said.data.refusal))
    })
    child.once('error', (error) => reject(unreadable(name, error.message)))
    // This comes after the last message, so it decides only if there was no message.
    child.once('close', (code, signal) =>
      reject(unreadable(name, `the process ended by ${signal ?? `exit code ${code}`}`)),
    )
    child.once('close', cancel)
  }).finally(() => child.kill('SIGKILL'))
}

function unreadable(name: string, why: string): Refusal {
  return new Refusal('invalid_request', `${name} could not be loaded: ${why}`, {
    hint: 'the file may only declare its protocol and export the service',
  })
}

/** Checks what only all extensions together show: duplicate names, and callers that do not exist. */
function checkTogether(extensions: readonly Extension[]): void {
  const names = extensions.map(({ name }) => name)
  const known = [...CALLER_KINDS, ...SERVICES, ...names]
  for (const [index, { name, path, protocol }] of extensions.entries()) {
    if (names.indexOf(name) !== index) {
      const first = extensions[names.indexOf(name)]?.path
      throw new Refusal('already_exists', `${path} and ${first} are both the service "${name}"`, {
        hint: 'give one of the protocols another name',
      })
    }
    for (const method of Object.keys(protocol.methods)) {
      const stranger = callersOf(protocol, method).find((caller) => !known.includes(caller))
      if (stranger === undefined) continue
      throw new Refusal(
        'invalid_request',
        `${path} lets "${stranger}" call ${name}.${method}, and there is no such service`,
        {
          hint: `add that service with --service too, or name one of ${known.join(', ')}`,
        },
      )
    }
  }
}

/** The path of the built file, as what it loads is built too: this Node may not run TypeScript. */
function describerPath(): string {
  const built = import.meta.url.endsWith('.ts') ? '../../dist/deploy/launcher/' : './'
  return fileURLToPath(new URL(`${built}describe_extension.js`, import.meta.url))
}
