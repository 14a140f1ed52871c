/** `tacit data encrypt | decrypt | register`: files are encrypted and opened on the party's side, never on the platform. */
import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import { Option } from 'commander'
import { decryptFile, encryptFile } from '../../attestation/index.ts'
import type { DataRule, FileScheme } from '../../messages/index.ts'
import { dataRule, FILE_SCHEMES, FILES_BUCKET, parseBy, Refusal } from '../../messages/index.ts'
import { createFileCrypto, downloadOutput, fileUrlOf, planOutput } from '../file_transfer.ts'
import { readGiven, writeGiven } from './given_file.ts'
import { readKeyFile, writeKeyFile } from './key_file.ts'
import type { PartyContext } from './party.ts'
import { withSession } from './party.ts'

const ENCRYPTED = 'a file that "tacit data encrypt" wrote'

const schemeOption = () =>
  new Option('--scheme <scheme>', 'how files are encrypted').choices([...FILE_SCHEMES]).default('aes-gcm-256')

export function addDataCommands(program: Command, contextOf: (command: Command) => PartyContext): void {
  const data = program.command('data').description('encrypted inputs and outputs')
  data
    .command('encrypt <plain> <encrypted>')
    .description('encrypt a file under a fresh key, and write the key file')
    .requiredOption('--key-file <file>', 'where the key goes')
    .addOption(schemeOption())
    .action(
      async (plain: string, encrypted: string, options: { keyFile: string; scheme: FileScheme }, command: Command) => {
        const { output } = contextOf(command)
        const crypto = createFileCrypto(options.scheme)
        const { bytes, tag } = encryptFile(await readGiven(plain, 'the file to encrypt'), crypto)
        await writeKeyFile(options.keyFile, { crypto, tag })
        await writeGiven(encrypted, bytes)
        output.result({ encrypted, key_file: options.keyFile, tag }, [
          `encrypted ${plain} into ${encrypted}; its key is in ${options.keyFile}`,
        ])
      },
    )
  data
    .command('decrypt <encrypted> <plain>')
    .description('open an encrypted file; with --task, <encrypted> is the key file of an output of that task')
    .option('--key-file <file>', 'the key file of an encrypted local file')
    .option('--task <task>', 'a finished task that wrote the output')
    .action(
      async (encrypted: string, plain: string, options: { keyFile?: string; task?: string }, command: Command) => {
        const context = contextOf(command)
        const bytes =
          options.task === undefined
            ? await decryptLocal(encrypted, options.keyFile)
            : await decryptResult(context, encrypted, options.task)
        await writeGiven(plain, bytes, 0o600)
        context.output.result({ plain, bytes: bytes.length }, [`wrote ${bytes.length} bytes to ${plain}`])
      },
    )
  data
    .command('register')
    .description('register an encrypted input (uploading it), or a new output')
    .option('--input <encrypted>', 'an encrypted file, as "tacit data encrypt" wrote it')
    .option('--output', 'an output that a task will write', false)
    .requiredOption('--key-file <file>', 'the key file: read for an input, written for an output')
    .addOption(schemeOption())
    .option(
      '--rule <file>',
      'a JSON file that says for which use: name, functions, parties, executors, platforms, until',
    )
    .action(async (options: RegisterOptions, command: Command) => {
      const context = contextOf(command)
      if ((options.input === undefined) !== options.output) {
        throw new Refusal('invalid_request', 'say whether it is an input or an output', {
          hint: 'give --input <encrypted> or --output',
        })
      }
      const rule = options.rule === undefined ? {} : { rule: await readRule(options.rule) }
      const data_id =
        options.input === undefined
          ? await registerOutput(context, options.keyFile, options.scheme, rule)
          : await registerInput(context, options.input, options.keyFile, rule)
      context.output.result({ data_id }, [data_id])
    })
}

interface RegisterOptions {
  input?: string
  output: boolean
  keyFile: string
  scheme: FileScheme
  rule?: string
}
type Ruled = { rule?: DataRule }

async function readRule(path: string): Promise<DataRule> {
  const text = (await readGiven(path, 'a JSON file with the rule')).toString()
  try {
    return parseBy(dataRule, JSON.parse(text), 'rule')
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal('malformed', `${path} is not JSON`, {
      hint: 'run "tacit schema frontend.register_input_file" for what a rule is',
      cause: error,
    })
  }
}

async function registerInput(
  context: PartyContext,
  encrypted: string,
  keyFilePath: string,
  rule: Ruled,
): Promise<string> {
  const keyFile = await readKeyFile(keyFilePath)
  const { crypto, tag } = keyFile
  if (tag === undefined)
    throw new Refusal('invalid_request', `${keyFilePath} is the key file of an output`, {
      hint: 'name the one that "tacit data encrypt" wrote',
    })
  const bytes = await readGiven(encrypted, ENCRYPTED)
  decryptFile(bytes, crypto, tag) // a wrong pair is found here, not in the middle of a task
  return withSession(context, async (api, connection) => {
    const name = randomUUID()
    context.output.say(`uploading ${bytes.length} bytes`)
    await connection.files.write(FILES_BUCKET, name, bytes)
    const url = fileUrlOf(name)
    const { data_id } = await api.register_input_file({ url, tag, crypto, ...rule })
    await writeKeyFile(keyFilePath, { ...keyFile, url, data_id })
    return data_id
  })
}

function registerOutput(context: PartyContext, keyFilePath: string, scheme: FileScheme, rule: Ruled): Promise<string> {
  return withSession(context, async (api) => {
    const planned = planOutput(createFileCrypto(scheme))
    // The key is written before the platform knows of it: an output nobody can open would be worse than a file too many.
    await writeKeyFile(keyFilePath, planned)
    const { data_id } = await api.register_output_file({ ...planned, ...rule })
    await writeKeyFile(keyFilePath, { ...planned, data_id })
    return data_id
  })
}

async function decryptLocal(encrypted: string, keyFilePath: string | undefined): Promise<Uint8Array> {
  if (keyFilePath === undefined) {
    throw new Refusal('invalid_request', 'say which key opens it', { hint: 'give --key-file <file>, or --task <task>' })
  }
  const { crypto, tag } = await readKeyFile(keyFilePath)
  if (tag === undefined)
    throw new Refusal('invalid_request', `${keyFilePath} has no tag: it is of an output`, { hint: 'give --task' })
  return decryptFile(await readGiven(encrypted, ENCRYPTED), crypto, tag)
}

function decryptResult(context: PartyContext, keyFilePath: string, taskId: string): Promise<Uint8Array> {
  return withSession(context, async (api, connection) => {
    const { crypto, url, data_id } = await readKeyFile(keyFilePath)
    const task = await api.get_task({ task_id: taskId })
    const name = task.terms.outputs.find((output) => output.data_id === data_id)?.name
    const tag = name === undefined ? undefined : task.result?.output_tags[name]
    if (tag === undefined || url === undefined) {
      throw new Refusal('not_ready', `${taskId} has not written this output: it is ${task.state}`, {
        hint: task.reason,
      })
    }
    return downloadOutput(connection.files, { url, crypto }, tag)
  })
}
