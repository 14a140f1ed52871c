/** All commands of `tacit`, those of parties and those of operators, in one tree. */
import { resolve } from 'node:path'
import { Command } from 'commander'
import { builtinSpecs } from '../actors/builtins/index.ts'
import type { GlobalOptions, Output, PartyContext } from '../client/cli/index.ts'
import {
  addAuditCommands,
  addCompletionCommand,
  addContextCommands,
  addDataCommands,
  addFunctionCommands,
  addMemberCommands,
  addPolicyCommands,
  addReceiptCommands,
  addSchemaCommand,
  addSessionCommands,
  addTaskCommands,
  addUserCommands,
} from '../client/cli/index.ts'
import type { PolicyDocuments } from '../messages/index.ts'
import { VERSION } from '../runtime/index.ts'
import { addDemoCommand } from './commands/demo.ts'
import { addDoctorCommand } from './commands/doctor.ts'
import type { OperatorContext } from './commands/operator_context.ts'
import { addUpCommand } from './commands/up.ts'
import { addWorkerCommand } from './commands/worker.ts'
import type { OperatorConfig } from './config.ts'
import type { AskPassword } from './password_prompt.ts'

export interface ProgramOptions {
  config: OperatorConfig
  output: Output
  readPassword: AskPassword
  signal: AbortSignal
  /** Where commander writes: `writeOut` gets its help, `writeErr` what is wrong with the command line. */
  writeOut: (text: string) => void
  writeErr: (text: string) => void
}

/** A program whose `parseAsync` throws a `CommanderError` instead of ending the process. */
export function createProgram({ config, output, readPassword, signal, writeOut, writeErr }: ProgramOptions): Command {
  const program = new Command('tacit')
    .description('confidential functions of several parties, on attested actors over NATS')
    .version(VERSION)
    .option('--json', 'one JSON document on stdout')
    .option('--nats <url>', "the broker's address")
    .option('--manifest <file>', 'the manifest that you trust')
    .option('--state <folder>', 'the state folder of a deployment on this machine (default: ./.tacit)')
    .option('--context <name>', 'use the platform of this context (see "tacit context list")')
    .option('--nats-server <path>', 'the nats-server to start; without this, tacit looks for one')
    .option('--as <user>', 'act as this user, who must have logged in before')
    .showHelpAfterError('(run with --help to see what it takes)')
    .exitOverride()
    .configureOutput({ writeOut, writeErr })
  const partyContext = (command: Command): PartyContext => ({
    output,
    options: command.optsWithGlobals<GlobalOptions>(),
    environment: config.party,
    homeFolder: config.homeFolder,
    readPassword,
    signal,
  })
  const operatorContext = (command: Command): OperatorContext => {
    const { state, natsServer } = command.optsWithGlobals<GlobalOptions & { natsServer?: string }>()
    const search = natsServer === undefined ? config.search : { ...config.search, explicitPath: resolve(natsServer) }
    return { output, config: { ...config, search }, stateFolder: state ?? config.stateFolder, signal }
  }
  addUpCommand(program, operatorContext)
  addDemoCommand(program, operatorContext)
  addWorkerCommand(program, operatorContext)
  addDoctorCommand(program, operatorContext)
  addContextCommands(program, partyContext)
  addSessionCommands(program, partyContext)
  addUserCommands(program, partyContext)
  addFunctionCommands(program, partyContext, builtinSpecs)
  addDataCommands(program, partyContext)
  addTaskCommands(program, partyContext)
  addMemberCommands(program, partyContext)
  addPolicyCommands(program, partyContext, openPolicy)
  addReceiptCommands(program, partyContext)
  addAuditCommands(program, partyContext)
  addSchemaCommand(program, partyContext)
  addCompletionCommand(program, partyContext)
  for (const command of everyCommand(program)) command.option('--json', 'one JSON document on stdout').exitOverride()
  return program
}

/** Loads the policy engine only when a command needs it: it is large, and few commands do. */
async function openPolicy(documents: PolicyDocuments) {
  const accessControl = await import('../actors/access_control/index.ts')
  return accessControl.openPolicy(documents)
}

function everyCommand(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...everyCommand(child)])
}
