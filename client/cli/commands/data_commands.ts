/**
 * `tacit data`, whose commands are in three files: this one registers data on the platform, `data_crypt_commands.ts`
 * encrypts and decrypts files on this machine, and `data_record_commands.ts` shows and changes the records of
 * registered data.
 */
import type { Command } from 'commander'
import { decryptStream, tagRawStream } from '../../../attestation/index.ts'
import type { DataRule, OutputScheme } from '../../../messages/index.ts'
import { defined, Refusal } from '../../../messages/index.ts'
import { countContent } from '../../file_transfer.ts'
import { createFileCrypto, planOutput, readingsOf, uploadFile, uploadRawInput } from '../../file_transfer.ts'
import { addCryptCommands, schemeOption } from './data_crypt_commands.ts'
import { addDataRecordCommands } from './data_record_commands.ts'
import { ENCRYPTED, openLocalFile } from '../terminal/local_file.ts'
import type { PartyContext } from '../platform/party.ts'
import { withSession } from '../platform/party.ts'
import { readKeyFile, readRule, ruleOption, writeKeyFile, writeNewKeyFile } from '../terminal/given_file.ts'

export function addDataCommands(program: Command, contextOf: (command: Command) => PartyContext): void {
  const data = program.command('data').description('encrypt your data, and register it as inputs and outputs of tasks')
  addDataRecordCommands(data, contextOf)
  addCryptCommands(data, contextOf)
  data
    .command('register')
    .description('register an encrypted input, which is uploaded, an input that is no secret, or a new output')
    .option('--input <encrypted>', 'register this encrypted file, as "tacit data encrypt" wrote it')
    .option(
      '--raw <plain>',
      'register this file unencrypted, so that anybody may read it; only tasks with --allow-raw take it',
    )
    .option('--output', 'register an output that a task will write')
    .option('--key-file <file>', 'the key file, which is read for an input and written for an output')
    .option(
      '--url <url>',
      'where the input already is, or where the output is to be written; by default the object store',
    )
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
    throw new Refusal('invalid_request', 'it is not clear whether this is an input or an output', {
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
  const { output, signal } = context
  return withSession(context, async (api, connection) => {
    const content = await openLocalFile(plain, 'the file to register', signal)
    if (given !== undefined) {
      const crypto = { scheme: 'raw' as const }
      const tag = await tagRawStream(content.open())
      return (await api.register_input_file({ url: given, tag, crypto, ...rule })).data_id
    }
    const transfer = { signal, onBytes: output.progress(`uploading ${plain}, not encrypted`) }
    const uploaded = await uploadRawInput(connection.files, content, transfer)
    return (await api.register_input_file({ ...uploaded, ...rule })).data_id
  })
}

async function registerInput(
  context: PartyContext,
  encrypted: string,
  keyFilePath: string,
  rule: Ruled,
  given?: string,
): Promise<string> {
  const { output, signal } = context
  const keyFile = await readKeyFile(keyFilePath)
  const { crypto, tag } = keyFile
  if (tag === undefined)
    throw new Refusal('invalid_request', `${keyFilePath} is the key file of an output`, {
      hint: 'name the key file that "tacit data encrypt" wrote',
    })
  const content = await openLocalFile(encrypted, ENCRYPTED, signal)
  // A key file that does not fit the file is found here, not in the middle of a task.
  const checked = countContent(content, output.progress(`checking ${encrypted}`), readingsOf(crypto))
  for await (const plaintext of decryptStream(() => checked.open(), crypto, tag)) plaintext.fill(0)
  return withSession(context, async (api, connection) => {
    const transfer = { signal, onBytes: output.progress(`uploading ${encrypted}`) }
    const url = given ?? (await uploadFile(connection.files, content, transfer))
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
    const planned = { ...planOutput(createFileCrypto(scheme)), ...defined({ url }) }
    // The key is written before the platform knows of it: an output that nobody can open is worse than a file too many.
    await writeNewKeyFile(keyFilePath, planned)
    const { data_id } = await api.register_output_file({ ...planned, ...rule })
    await writeKeyFile(keyFilePath, { ...planned, data_id })
    return data_id
  })
}
