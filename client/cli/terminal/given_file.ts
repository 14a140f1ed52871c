/**
 * Small files that the user named, read and written whole: rules, key files, and any other text or JSON. A problem with
 * such a file is the user's to mend, so it is a refusal, never a defect. Large files are in `local_file.ts`.
 */
import { access, readFile, writeFile } from 'node:fs/promises'
import { Option } from 'commander'
import { z } from 'zod'
import type { DataRule } from '../../../messages/index.ts'
import {
  dataId,
  dataRule,
  fileCrypto,
  fileTag,
  fileUrl,
  parseBy,
  Refusal,
  toJsonValue,
} from '../../../messages/index.ts'

/** @param what what the file should be, for the hint to whoever named another one */
export async function readGiven(path: string, what: string): Promise<Buffer> {
  return readFile(path).catch((cause: unknown) => {
    throw new Refusal('not_found', `${path} cannot be read (${problemOf(cause)})`, { hint: `name ${what}`, cause })
  })
}

/** @throws Refusal `not_found`, or `malformed` with `hint` where the file is not JSON */
export async function readGivenJson(path: string, what: string, hint = `name ${what}`): Promise<unknown> {
  const text = (await readGiven(path, what)).toString()
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Refusal('malformed', `${path} is not JSON`, { hint, cause })
  }
}

async function writeGiven(path: string, text: string, mode: number): Promise<void> {
  await writeFile(path, text, { mode }).catch((cause: unknown) => {
    throw new Refusal('forbidden', `${path} cannot be written (${problemOf(cause)})`, {
      hint: 'name a place where you may write',
      cause,
    })
  })
}

/** The system's own word for it, such as ENOENT. */
export function problemOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

/** `--rule <file>`: an owner's rule for the use of their data. */
export function ruleOption(): Option {
  return new Option(
    '--rule <file>',
    'a JSON file that limits what the data may be used for: name, functions, parties, executors, platforms, until',
  )
}

/** The `rule` field of a registration; no field without a file. @throws Refusal `malformed`, `invalid_request` */
export async function readRule(path: string | undefined): Promise<{ rule?: DataRule }> {
  if (path === undefined) return {}
  const hint = 'run "tacit schema frontend.register_input_file" to see what a rule may say'
  return { rule: parseBy(dataRule, await readGivenJson(path, 'a JSON file with the rule', hint), 'rule') }
}

const keyFileSchema = z.strictObject({
  crypto: fileCrypto,
  /** Absent for an output that is yet to be written. */
  tag: fileTag.optional(),
  url: fileUrl.optional(),
  data_id: dataId.optional(),
})
/** What a party needs to open one file again. It is written for its owner alone, and never leaves this machine. */
export type KeyFile = z.infer<typeof keyFileSchema>

export async function readKeyFile(path: string): Promise<KeyFile> {
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new Refusal('not_found', `${path} is not a key file`, {
      hint: '"tacit data encrypt" and "tacit data register" write key files',
      cause,
    })
  }
  return parseBy(keyFileSchema, value, 'key file')
}

/** Writes a key file where there is none: another key in its place could never be had again. */
export async function writeNewKeyFile(path: string, keyFile: KeyFile): Promise<void> {
  const exists = await access(path).then(
    () => true,
    () => false,
  )
  if (exists) {
    throw new Refusal('already_exists', `${path} exists already, and may hold the only key of a file`, {
      hint: 'name another file with --key-file, or move that one away',
    })
  }
  await writeKeyFile(path, keyFile)
}

export async function writeKeyFile(path: string, keyFile: KeyFile): Promise<void> {
  await writeGiven(path, `${JSON.stringify(toJsonValue(keyFile), null, 2)}\n`, 0o600)
}
