/** The tree of commands as a whole: that it has what it promises, and that shells complete it. */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readTree } from '../../client/cli/completion/command_tree.ts'
import { completionScript, SHELLS } from '../../client/cli/completion/completion_command.ts'
import { METHOD_COMMANDS } from '../../client/cli/commands/method_commands.ts'
import { createOutput } from '../../client/cli/terminal/output.ts'
import { readConfig } from '../../deploy/config.ts'
import { createProgram } from '../../deploy/program.ts'
import { temporaryFolder } from '../support/temporary_folder.ts'

const written: string[] = []
const stream = { write: (text: string) => written.push(text) > 0 } as unknown as NodeJS.WritableStream
const open = () =>
  createProgram({
    config: readConfig({}),
    output: createOutput(false, stream, stream),
    readPassword: () => Promise.reject(new Error('nothing is asked here')),
    signal: new AbortController().signal,
    writeOut: (text) => written.push(text),
    writeErr: (text) => written.push(text),
  })
const tree = readTree(open())

describe('the commands', () => {
  test('are there for each method of the API, with the options that the table names', () => {
    for (const words of Object.values(METHOD_COMMANDS)) {
      const [, place, option] = /^([a-z -]+?)(?: (--\w+))?$/.exec(words)!
      const found = tree.find((command) => command.place === place)
      expect(found, words).toBeDefined()
      if (option !== undefined) expect(found?.options.map(({ name }) => name)).toContain(option)
    }
  })

  test('each say what they do, take --json and a context, and say what their options mean', () => {
    for (const { place, about, options } of tree) {
      expect(about, place).not.toBe('')
      expect(options.map(({ name }) => name)).toEqual(expect.arrayContaining(['--json', '--context', '--help']))
      expect(options.filter((option) => option.about === '').map(({ name }) => `${place} ${name}`)).toEqual([])
    }
  })
})

describe('completion', () => {
  /** What bash offers when the last word is to be completed. */
  async function offered(...cases: string[][]): Promise<string[][]> {
    await using folder = await temporaryFolder()
    const script = join(folder.path, 'tacit.bash')
    await writeFile(script, completionScript('bash', 'tacit', tree))
    const ask = cases.map((words) => {
      const quoted = ['tacit', ...words].map((word) => `'${word}'`).join(' ')
      return `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _tacit; echo "\${COMPREPLY[*]-}"`
    })
    const { stdout, stderr, status } = spawnSync('bash', ['-euc', [`source '${script}'`, ...ask].join('\n')], {
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(status).toBe(0)
    return stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split(' ').filter((word) => word !== ''))
  }

  test('in bash offers commands, options, and the values that an option has', async () => {
    const [all, some, below, behindOption, options, choices, taken, file, shells] = await offered(
      [''],
      ['ta'],
      ['task', 'a'],
      ['--as', 'task', 'data', 'de'],
      ['task', 'invoke', 'task-1', '--wa'],
      ['--json', 'user', 'register', 'x', '--role', 'Data'],
      ['user', 'register', 'x', '--role', '=', 'Plat'],
      ['data', 'register', '--input', ''],
      ['completion', ''],
    )
    expect(all).toEqual(expect.arrayContaining(['up', 'login', 'task', 'context', 'completion']))
    expect(all).toEqual(tree[0]?.words.map(({ name }) => name))
    expect(some).toEqual(['task'])
    expect(below).toEqual(['assign', 'approve'])
    expect(behindOption).toEqual(['delete', 'decrypt'])
    expect(options).toEqual(['--wait'])
    expect(choices).toEqual(['DataOwnerManager', 'DataOwner'])
    expect(taken).toEqual(['PlatformAdmin'])
    // Nothing of ours: then bash offers files.
    expect(file).toEqual([])
    expect(shells).toEqual([...SHELLS])
  })

  test('is a script that each shell of this machine can read', async () => {
    await using folder = await temporaryFolder()
    const found = SHELLS.filter((shell) => pathHas(shell))
    expect(found).toContain('bash')
    for (const shell of found) {
      const script = join(folder.path, `tacit.${shell}`)
      await writeFile(script, completionScript(shell, 'tacit', tree))
      const { status, stderr } = spawnSync(shell, ['-n', script], { encoding: 'utf8' })
      expect([status, stderr]).toEqual([0, ''])
    }
    // Fish can be asked what it would offer.
    const fish = found.find((shell) => shell === 'fish')
    if (fish === undefined) return
    const ask = `source '${join(folder.path, 'tacit.fish')}'; complete -C 'tacit --as task data de'`
    const { stdout } = spawnSync(fish, ['--no-config', '-c', ask], { encoding: 'utf8' })
    expect(stdout.split('\n').map((line) => line.split('\t')[0])).toEqual(['decrypt', 'delete', ''])
  })

  test('knows each command and option in every shell, and nothing of an apostrophe ends a text too soon', async () => {
    for (const shell of SHELLS) {
      const script = completionScript(shell, 'tacit', tree)
      for (const { place, options } of tree.filter((command) => command.words.length === 0)) {
        expect(script).toContain(place)
        for (const { name } of options) expect(script).toContain(shell === 'fish' ? `-l ${name.slice(2)}` : name)
      }
    }
    const told = tree.find(({ place }) => place === 'context add')!.options.find(({ name }) => name === '--token-file')!
    expect(told.about).toContain("user's")
    expect(completionScript('fish', 'tacit', tree)).toContain(told.about.replace("'", "\\'"))
    expect(completionScript('zsh', 'tacit', tree)).toContain(told.about.replace("'", "'\\''"))
  })

  test('is printed by the command itself', async () => {
    written.length = 0
    await open().parseAsync(['node', 'tacit', 'completion', 'zsh'])
    expect(written.join('')).toBe(completionScript('zsh', 'tacit', tree))
  })
})

function pathHas(program: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.some((folder) => {
    try {
      return readdirSync(folder).includes(program)
    } catch {
      return false
    }
  })
}
