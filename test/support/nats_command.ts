/** The `nats` command: the installed one, else a stand-in that knows the few subcommands that our pages use. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, symlink } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { promisify } from 'node:util'

const STAND_IN = join(import.meta.dirname, 'nats_stand_in.mjs')

/** Undefined where it is not installed. */
export async function findNats(): Promise<string | undefined> {
  const goPath = await promisify(execFile)('go', ['env', 'GOPATH']).catch(() => ({ stdout: '' }))
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), join(goPath.stdout.trim(), 'bin')]
  return folders
    .filter(isAbsolute)
    .map((folder) => join(folder, 'nats'))
    .find(existsSync)
}

/** Makes a folder for PATH that holds `nats` and nothing else. @returns its path */
export async function natsFolder(parent: string): Promise<string> {
  const folder = join(parent, 'commands')
  await mkdir(folder)
  await symlink((await findNats()) ?? STAND_IN, join(folder, 'nats'))
  return folder
}
