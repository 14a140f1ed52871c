#!/usr/bin/env node
/** The process of the `tacit` command: its streams, its signals and its exit code. */
import { CommanderError } from 'commander'
import type { Output } from '../client/cli/index.ts'
import { createOutput, EXIT_CODES, reportFailure } from '../client/cli/index.ts'
import { Refusal } from '../messages/index.ts'
import { readConfig } from './config.ts'
import { createPasswordPrompt } from './password_prompt.ts'
import { createProgram } from './program.ts'

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // The first signal asks for an orderly end; a second one ends the process at once, for whoever cannot wait.
  process.on(signal, () => (interrupted.signal.aborted ? process.exit(130) : interrupted.abort()))
}

process.exitCode = await main(process.argv)
// The work is done, but timers of connections could keep the process alive.
process.exit()

async function main(argv: readonly string[]): Promise<number> {
  const output = createOutput(argv.includes('--json'), process.stdout, process.stderr)
  try {
    const program = createProgram({
      config: readConfig(),
      output,
      readPassword: createPasswordPrompt(process.stdin, process.stderr),
      signal: interrupted.signal,
      writeOut: (text) => process.stdout.write(text),
      writeErr: (text) => process.stderr.write(text),
    })
    await program.parseAsync(argv)
    return EXIT_CODES.done
  } catch (error) {
    if (error instanceof CommanderError) return reportUsage(error, output)
    const exitCode = reportFailure(error, output)
    return interrupted.signal.aborted ? EXIT_CODES.interrupted : exitCode
  }
}

/** With `--json`, tells programs what commander has already told people. */
function reportUsage({ code, message, exitCode }: CommanderError, output: Output): number {
  if (exitCode === 0) return EXIT_CODES.done
  const text = code === 'commander.help' ? 'the command is not complete' : message.replace(/^error: /, '')
  const error = new Refusal('invalid_request', text, { hint: 'run it with --help to see what it takes' })
  if (output.json) output.result({ error: { ...error.toNote(), advice: error.advice } }, [])
  return EXIT_CODES.fix
}
