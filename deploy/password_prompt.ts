/**
 * Asks for passwords. On a terminal it does not echo them, and asks for a new password twice. From a pipe, each
 * password is the next line.
 */
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { Refusal } from '../messages/index.ts'

export type AskPassword = (prompt: string, isNew?: boolean) => Promise<string>

export function createPasswordPrompt(
  input: NodeJS.ReadableStream & { isTTY?: boolean },
  prompts: { write(text: string): unknown },
): AskPassword {
  const terminal = input.isTTY === true
  let lines: AsyncIterator<string> | undefined
  const readLine = async (): Promise<string> => {
    // One reader serves all questions: a second reader would miss what the first has already read.
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
    lines ??= createInterface({ input, output: silent, terminal })[Symbol.asyncIterator]()
    const { done, value } = await lines.next()
    return done === true ? '' : value
  }
  const ask = async (prompt: string): Promise<string> => {
    if (!terminal) return readLine()
    prompts.write(prompt)
    const line = await readLine()
    prompts.write('\n')
    return line
  }
  return async (prompt, isNew = false) => {
    const password = await ask(prompt)
    if (!terminal || !isNew || password === (await ask('once more: '))) return password
    throw new Refusal('invalid_request', 'the two passwords are not the same', { hint: 'run the command again' })
  }
}
