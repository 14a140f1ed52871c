#!/usr/bin/env node
/** The `tacit` command: what parties do and what operators do, under one name. */
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { Command, CommanderError } from 'commander'
import type { GlobalOptions, Output, PartyContext } from '../client/cli/index.ts'
import {
  addAuditCommands,
  addDataCommands,
  addFunctionCommands,
  addMemberCommands,
  addPolicyCommands,
  addReceiptCommands,
  addSchemaCommand,
  addTaskCommands,
  addUserCommands,
  createOutput,
  EXIT_CODES,
  reportFailure,
} from '../client/cli/index.ts'
import type { PolicyDocuments } from '../messages/index.ts'
import { Refusal } from '../messages/index.ts'
import { VERSION } from '../runtime/index.ts'
import { addDemoCommand } from './commands/demo.ts'
import { addDoctorCommand } from './commands/doctor.ts'
import type { OperatorContext } from './commands/operator_context.ts'
import { addUpCommand } from './commands/up.ts'
import { addWorkerCommand } from './commands/worker.ts'
import { readConfig } from './config.ts'

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // The first asks for an orderly end; a second one is for whoever cannot wait.
  process.on(signal, () => (interrupted.signal.aborted ? process.exit(130) : interrupted.abort()))
}

process.exitCode = await main(process.argv)
// Connections may linger in their timers; the work is done.
process.exit()

async function main(argv: readonly string[]): Promise<number> {
  const json = argv.includes('--json')
  const output = createOutput(json, process.stdout, process.stderr)
  try {
    const config = readConfig()
    const program = new Command('tacit')
      .description('confidential functions of several parties, on attested actors over NATS')
      .version(VERSION)
      .option('--json', 'one JSON document on stdout')
      .option('--nats <url>', "the broker's address")
      .option('--manifest <file>', 'the manifest that you trust')
      .option('--state <folder>', 'the state folder of a deployment on this machine', config.stateFolder)
      .option('--nats-server <path>', 'the nats-server to start, instead of looking for one')
      .option('--as <user>', 'speak as this user, of those who logged in')
      .showHelpAfterError('(run with --help for what it takes)')
      .exitOverride()
      .configureOutput({
        writeOut: (text) => process.stdout.write(text),
        writeErr: (text) => process.stderr.write(text),
      })
    const partyContext = (command: Command): PartyContext => ({
      output,
      options: command.optsWithGlobals<GlobalOptions>(),
      homeFolder: config.homeFolder,
      readPassword,
      signal: interrupted.signal,
    })
    const operatorContext = (command: Command): OperatorContext => {
      const { state, natsServer } = command.optsWithGlobals<GlobalOptions & { natsServer?: string }>()
      const search = natsServer === undefined ? config.search : { ...config.search, explicitPath: resolve(natsServer) }
      return { output, config: { ...config, search }, stateFolder: state, signal: interrupted.signal }
    }
    addUpCommand(program, operatorContext)
    addDemoCommand(program, operatorContext)
    addWorkerCommand(program, operatorContext)
    addDoctorCommand(program, operatorContext)
    addUserCommands(program, partyContext)
    addFunctionCommands(program, partyContext)
    addDataCommands(program, partyContext)
    addTaskCommands(program, partyContext)
    addMemberCommands(program, partyContext)
    addPolicyCommands(program, partyContext, openPolicy)
    addReceiptCommands(program, partyContext)
    addAuditCommands(program, partyContext)
    addSchemaCommand(program, partyContext)
    for (const command of everyCommand(program)) command.option('--json', 'one JSON document on stdout').exitOverride()
    await program.parseAsync(argv)
    return EXIT_CODES.done
  } catch (error) {
    if (error instanceof CommanderError) return reportUsage(error, output)
    const exitCode = reportFailure(error, output)
    return interrupted.signal.aborted ? EXIT_CODES.interrupted : exitCode
  }
}

/** The engine is large, and few commands need it. */
async function openPolicy(documents: PolicyDocuments) {
  const accessControl = await import('../actors/access_control/index.ts')
  return accessControl.openPolicy(documents)
}

/** What commander has told people already, told to programs. */
function reportUsage({ code, message, exitCode }: CommanderError, output: Output): number {
  if (exitCode === 0) return EXIT_CODES.done
  const text = code === 'commander.help' ? 'the command is not complete' : message.replace(/^error: /, '')
  const error = new Refusal('invalid_request', text, { hint: 'run it with --help for what it takes' })
  if (output.json) output.result({ error: { ...error.toNote(), advice: error.advice } }, [])
  return EXIT_CODES.fix
}

function everyCommand(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...everyCommand(child)])
}

/** Asks on the terminal without echo, or reads one line from a pipe. */
function readPassword(prompt: string): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = process.stdin.isTTY
  const lines = createInterface({ input: process.stdin, output: silent, terminal })
  if (terminal) process.stderr.write(prompt)
  return new Promise((resolve) => {
    let answered = false
    const answer = (line: string) => {
      if (answered) return
      answered = true
      lines.close()
      if (terminal) process.stderr.write('\n')
      resolve(line)
    }
    lines.once('line', answer)
    lines.once('close', () => answer(''))
  })
}
