/**
 * `tacit data encrypt | decrypt`: the party's own machine encrypts and opens files, never the platform. Only `decrypt
 * --task` asks the platform anything, namely for the tag of an output and its ciphertext.
 */
import type { Command } from 'commander'
import { Option } from 'commander'
import { decryptStream } from '../../../attestation/index.ts'
import type { OutputScheme } from '../../../messages/index.ts'
import { OUTPUT_SCHEMES, Refusal } from '../../../messages/index.ts'
import { countContent } from '../../file_transfer.ts'
import { createFileCrypto, readingsOf, streamOutput } from '../../file_transfer.ts'
import { untilFinished } from './follow_task.ts'
import type { KeyFile } from '../terminal/given_file.ts'
import { ENCRYPTED, encryptLocalFile, openLocalFile, writeLocalFile } from '../terminal/local_file.ts'
import type { PartyContext } from '../platform/party.ts'
import { withSession } from '../platform/party.ts'
import { readKeyFile, writeNewKeyFile } from '../terminal/given_file.ts'

export const schemeOption = () =>
  new Option('--scheme <scheme>', 'how the file is encrypted').choices([...OUTPUT_SCHEMES]).default('aes-gcm-256')

interface EncryptOptions {
  keyFile: string
  scheme: OutputScheme
}

interface DecryptOptions {
  keyFile?: string
  task?: string
  wait: boolean
}

/** @param data the command group that these belong to */
export function addCryptCommands(data: Command, contextOf: (command: Command) => PartyContext): void {
  data
    .command('encrypt <plain> <encrypted>')
    .description('encrypt a file under a fresh key, and write that key to a key file')
    .requiredOption('--key-file <file>', 'where to write the key')
    .addOption(schemeOption())
    .action(async (plain: string, encrypted: string, { keyFile, scheme }: EncryptOptions, command: Command) => {
      const { output, signal } = contextOf(command)
      const crypto = createFileCrypto(scheme)
      const content = await openLocalFile(plain, 'the file to encrypt', signal)
      const counted = countContent(content, output.progress(`encrypting ${plain}`))
      const tag = await encryptLocalFile(counted, encrypted, crypto, (tag) => writeNewKeyFile(keyFile, { crypto, tag }))
      output.result({ encrypted, key_file: keyFile, tag }, [
        `encrypted ${plain} into ${encrypted}; its key is in ${keyFile}`,
      ])
    })
  data
    .command('decrypt <encrypted> <plain>')
    .description(
      'open an encrypted file, or the output of a task: with --task alone, <encrypted> is the key file of the output',
    )
    .option('--key-file <file>', 'the key file of <encrypted>, a file on this machine')
    .option(
      '--task <task>',
      'the finished task that wrote the output; with --key-file, <encrypted> is the output as you fetched it',
    )
    .option('--wait', 'wait until the task has ended', false)
    .action(async (encrypted: string, plain: string, options: DecryptOptions, command: Command) => {
      const context = contextOf(command)
      const bytes =
        options.task === undefined
          ? await decryptLocal(context, encrypted, plain, options.keyFile)
          : await decryptResult(context, encrypted, plain, { ...options, task: options.task })
      context.output.result({ plain, bytes }, [`wrote ${bytes} bytes to ${plain}`])
    })
}

/** @returns how many bytes were written, like all functions below */
async function decryptLocal(
  context: PartyContext,
  encrypted: string,
  plain: string,
  keyFilePath: string | undefined,
): Promise<number> {
  if (keyFilePath === undefined) {
    throw new Refusal('invalid_request', 'the key file is missing', {
      hint: 'give --key-file <file>, or --task <task>',
    })
  }
  const { crypto, tag } = await readKeyFile(keyFilePath)
  if (tag === undefined)
    throw new Refusal('invalid_request', `${keyFilePath} is the key file of an output`, {
      hint: 'give --task <task>, the task that wrote the output',
    })
  return openLocal(context, encrypted, plain, crypto, tag)
}

/** Without `keyFile`, `given` is the key file and the output is fetched from the object store. */
function decryptResult(
  context: PartyContext,
  given: string,
  plain: string,
  { keyFile, task: taskId, wait }: DecryptOptions & { task: string },
): Promise<number> {
  const { output, signal } = context
  return withSession(context, async (api, connection) => {
    const { crypto, url, data_id } = await readKeyFile(keyFile ?? given)
    const present = await api.get_task({ task_id: taskId }, { signal })
    const task =
      wait && present.state !== 'Finished'
        ? (await untilFinished(context, api, taskId, present.version - 1)).task
        : present
    const name = task.terms.outputs.find((declared) => declared.data_id === data_id)?.name
    const tag = name === undefined ? undefined : task.result?.output_tags[name]
    if (tag === undefined || url === undefined) {
      throw new Refusal('not_ready', `${taskId} has not written this output: it is ${task.state}`, {
        hint: task.reason,
      })
    }
    if (keyFile !== undefined) return openLocal(context, given, plain, crypto, tag)
    const transfer = { signal, onBytes: output.progress(`downloading ${name}`) }
    return writeLocalFile(plain, streamOutput(connection.files, { url, crypto }, tag, transfer))
  })
}

async function openLocal(
  { output, signal }: PartyContext,
  encrypted: string,
  plain: string,
  crypto: KeyFile['crypto'],
  tag: Uint8Array,
): Promise<number> {
  const content = await openLocalFile(encrypted, ENCRYPTED, signal)
  const counted = countContent(content, output.progress(`opening ${encrypted}`), readingsOf(crypto))
  return writeLocalFile(
    plain,
    decryptStream(() => counted.open(), crypto, tag),
  )
}
