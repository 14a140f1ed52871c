/** `tacit data encrypt | decrypt | register`: files are encrypted and opened on the party's side, never on the platform. */
import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import { Option } from 'commander'
import { decryptFile, encryptFile, tagRawFile } from '../../attestation/index.ts'
import type { DataRule, OutputScheme } from '../../messages/index.ts'
import { FILES_BUCKET, OUTPUT_SCHEMES, Refusal } from '../../messages/index.ts'
import { createFileCrypto, downloadOutput, fileUrlOf, planOutput, uploadRawInput } from '../file_transfer.ts'
import { addDataRecordCommands } from './data_record_commands.ts'
import { readGiven, writeGiven } from './given_file.ts'
import { readKeyFile, writeKeyFile, writeNewKeyFile } from './key_file.ts'
import type { PartyContext } from './party.ts'
import { withSession } from './party.ts'
import { readRule, ruleOption } from './rule_file.ts'

const ENCRYPTED = 'a file that "tacit data encrypt" wrote'

const schemeOption = () =>
  new Option('--scheme <scheme>', 'how files are encrypted').choices([...OUTPUT_SCHEMES]).default('aes-gcm-256')

export function addDataCommands(program: Command, contextOf: (command: Command) => PartyContext): void {
  const data = program.command('data').description('encrypted inputs and outputs')
  addDataRecordCommands(data, contextOf)
  data
    .command('encrypt <plain> <encrypted>')
    .description('encrypt a file under a fresh key, and write the key file')
    .requiredOption('--key-file <file>', 'where the key goes')
    .addOption(schemeOption())
    .action(
      async (
        plain: string,
        encrypted: string,
        options: { keyFile: string; scheme: OutputScheme },
        command: Command,
      ) => {
        const { output } = contextOf(command)
        const crypto = createFileCrypto(options.scheme)
        const { bytes, tag } = encryptFile(await readGiven(plain, 'the file to encrypt'), crypto)
        await writeNewKeyFile(options.keyFile, { crypto, tag })
        await writeGiven(encrypted, bytes)
        output.result({ encrypted, key_file: options.keyFile, tag }, [
          `encrypted ${plain} into ${encrypted}; its key is in ${options.keyFile}`,
        ])
      },
    )
  data
    .command('decrypt <encrypted> <plain>')
    .description('open an encrypted file; with --task alone, <encrypted> is the key file of an output of that task')
    .option('--key-file <file>', 'the key file of an encrypted local file')
    .option(
      '--task <task>',
      'a finished task that wrote the output; with --key-file, <encrypted> was fetched from its url',
    )
    .action(
      async (encrypted: string, plain: string, options: { keyFile?: string; task?: string }, command: Command) => {
        const context = contextOf(command)
        const bytes =
          options.task === undefined
            ? await decryptLocal(encrypted, options.keyFile)
            : await decryptResult(context, encrypted, options.task, options.keyFile)
        await writeGiven(plain, bytes, 0o600)
        context.output.result({ plain, bytes: bytes.length }, [`wrote ${bytes.length} bytes to ${plain}`])
      },
    )
  data
    .command('register')
    .description('register an encrypted input (uploading it), a new output, or an input that is no secret')
    .option('--input <encrypted>', 'an encrypted file, as "tacit data encrypt" wrote it')
    .option('--raw <plain>', 'a file that anyone may read; only tasks that allow raw inputs take it')
    .option('--output', 'an output that a task will write')
    .option('--key-file <file>', 'the key file: read for an input, written for an output')
    .option('--url <url>', 'where the input lies already, or the output is to go; the object store unless told')
    .addOption(schemeOption())
    .addOption(ruleOption())
    .action(async (options: RegisterOptions, command: Command) => {
      const context = contextOf(command)
      const data_id = await register(context, options)
      context.output.result({ data_id }, [data_id])
    })
}

interface RegisterOptions {
  input?: string
  raw?: string
  output?: true
  keyFile?: string
  url?: string
  rule?: string
  scheme: OutputScheme
}
type Ruled = { rule?: DataRule }

async function register(context: PartyContext, options: RegisterOptions): Promise<string> {
  const { input, raw, output, keyFile, url } = options
  if ([input, raw, output].filter((option) => option !== undefined).length !== 1) {
    throw new Refusal('invalid_request', 'say whether it is an input or an output', {
      hint: 'give one of --input <encrypted>, --raw <plain> and --output',
    })
  }
  const rule = await readRule(options.rule)
  if (raw !== undefined) return registerRaw(context, raw, rule, url)
  if (keyFile === undefined) {
    throw new Refusal('invalid_request', 'the key file is missing', { hint: 'give --key-file <file>' })
  }
  return input === undefined
    ? registerOutput(context, keyFile, rule, options)
    : registerInput(context, input, keyFile, rule, url)
}

function registerRaw(context: PartyContext, plain: string, rule: Ruled, given?: string): Promise<string> {
  return withSession(context, async (api, connection) => {
    const bytes = await readGiven(plain, 'the file to register')
    if (given !== undefined) {
      const crypto = { scheme: 'raw' as const }
      return (await api.register_input_file({ url: given, tag: tagRawFile(bytes), crypto, ...rule })).data_id
    }
    context.output.say(`uploading ${bytes.length} bytes, not encrypted`)
    return (await api.register_input_file({ ...(await uploadRawInput(connection.files, bytes)), ...rule })).data_id
  })
}

async function registerInput(
  context: PartyContext,
  encrypted: string,
  keyFilePath: string,
  rule: Ruled,
  given?: string,
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
    const url = given ?? fileUrlOf(name)
    if (given === undefined) {
      context.output.say(`uploading ${bytes.length} bytes`)
      await connection.files.write(FILES_BUCKET, name, bytes)
    }
    const { data_id } = await api.register_input_file({ url, tag, crypto, ...rule })
    await writeKeyFile(keyFilePath, { ...keyFile, url, data_id })
    return data_id
  })
}

function registerOutput(
  context: PartyContext,
  keyFilePath: string,
  rule: Ruled,
  { scheme, url }: RegisterOptions,
): Promise<string> {
  return withSession(context, async (api) => {
    const planned = { ...planOutput(createFileCrypto(scheme)), ...(url === undefined ? {} : { url }) }
    // The key is written before the platform knows of it: an output nobody can open would be worse than a file too many.
    await writeNewKeyFile(keyFilePath, planned)
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

/** @param keyFilePath absent, `given` is the key file, and the output is fetched from the object store */
function decryptResult(
  context: PartyContext,
  given: string,
  taskId: string,
  keyFilePath?: string,
): Promise<Uint8Array> {
  return withSession(context, async (api, connection) => {
    const { crypto, url, data_id } = await readKeyFile(keyFilePath ?? given)
    const task = await api.get_task({ task_id: taskId })
    const name = task.terms.outputs.find((output) => output.data_id === data_id)?.name
    const tag = name === undefined ? undefined : task.result?.output_tags[name]
    if (tag === undefined || url === undefined) {
      throw new Refusal('not_ready', `${taskId} has not written this output: it is ${task.state}`, {
        hint: task.reason,
      })
    }
    if (keyFilePath !== undefined) return decryptFile(await readGiven(given, 'the fetched output'), crypto, tag)
    return downloadOutput(connection.files, { url, crypto }, tag)
  })
}
