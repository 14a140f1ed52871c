/** A deployment that was started by `tacit up`, and its parties, who use nothing but the `tacit` command. */
import { defined } from '../../messages/index.ts'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { CommandEnd, RunningCommand } from './command.ts'
import { documentOf, runCommand, startCommand } from './command.ts'
import { temporaryFolder } from './temporary_folder.ts'

export class PartyCommands {
  /** Where the broker listens. */
  url = ''
  environment: Record<string, string> = {}
  #folder: Awaited<ReturnType<typeof temporaryFolder>> | undefined
  #up: RunningCommand | undefined

  /** A path in the folder of this deployment. */
  readonly path = (name: string) => join(this.#folder?.path ?? 'not open', name)
  readonly run = (words: readonly string[], input?: string) =>
    runCommand(words, {
      environment: this.environment,
      folder: this.path(''),
      ...defined({ input }),
    })
  /** Starts a command and does not wait for its end. */
  readonly begin = (words: readonly string[]) => startCommand(words, { environment: this.environment })
  /** Runs a command that must succeed, and returns its document. */
  readonly done = async (...words: string[]) => documentOf(await expectDone(this.run([...words, '--json'])))
  readonly as = (user: string, ...words: string[]) => this.done('--as', user, ...words)

  /**
   * Starts the deployment with admin, alice and bob, who own data, and fay, who owns functions; all are logged in.
   * @param more further arguments for `up`
   */
  async open(more: () => readonly string[] = () => []): Promise<void> {
    const { path, done, as } = this
    this.#folder = await temporaryFolder()
    this.environment = { TACIT_STATE: path('state'), TACIT_HOME: path('home') }
    this.#up = this.begin(['up', '--workers', '1', ...more(), '--json'])
    this.url = String(documentOf({ stdout: await this.#up.said('stdout', /\n$/) })['nats'])
    const passwordFile = await readFile(path('state/admin-password.txt'), 'utf8')
    await writeFile(path('admin.pw'), `${/^password: (.+)$/m.exec(passwordFile)?.[1]}\n`)
    await done('login', 'admin', '--password-file', path('admin.pw'))
    for (const [user, role] of Object.entries({ alice: 'DataOwner', bob: 'DataOwner', fay: 'FunctionOwner' })) {
      await writeFile(path(`${user}.pw`), `the long password of ${user}\r\n`)
      const organisation = role === 'DataOwner' ? ['--attribute', `${user}-org`] : []
      const words = ['user', 'register', user, '--role', role, ...organisation, '--password-file', path(`${user}.pw`)]
      expect(await as('admin', ...words)).toMatchObject({ user, role })
    }
    // Through a pipe as well as from a file.
    await expectDone(this.run(['login', 'alice'], 'the long password of alice\n'))
    await Promise.all(['bob', 'fay'].map((user) => done('login', user, '--password-file', path(`${user}.pw`))))
  }

  async close(): Promise<void> {
    this.#up?.signal('SIGINT')
    await this.#up?.ended
    await this.#folder?.[Symbol.asyncDispose]()
  }
}

export async function expectDone(running: Promise<CommandEnd>): Promise<CommandEnd> {
  const end = await running
  expect(end.code, end.stderr).toBe(0)
  return end
}

/** Expects that the command failed with one document on stdout, and the same for people on stderr. */
export function expectFailed(end: CommandEnd, exit: number, code: string): void {
  expect({ code: end.code, document: documentOf(end) }).toMatchObject({
    code: exit,
    document: { error: { code, message: expect.any(String), hint: expect.any(String), advice: expect.any(String) } },
  })
  expect(end.stderr).toMatch(/error: /)
}
