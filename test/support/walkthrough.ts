/**
 * A page that tells a story, done by its reader: all blocks of shell in one terminal, one after the other, but for the
 * one that starts the deployment. A `text` block is what the block before it is to print.
 */
import { expect } from 'vitest'
import type { Block, Reader } from './reader.ts'
import { blocksOf } from './reader.ts'

const FIRST = 'npm ci && npm start\n'
const MARK = '--- the next block ---'

/**
 * @param page its path in the checkout
 * @returns what each block of shell printed, without the start of the deployment
 */
export async function doAsTold(reader: Reader, page: string): Promise<string[]> {
  const [first, ...blocks] = blocksOf(page)
  expect(first).toEqual({ language: 'sh', text: FIRST })
  await reader.follow(FIRST)
  const shell = blocks.filter(({ language }) => language === 'sh')
  const printed = (await reader.follow(shell.map(({ text }) => text).join(`echo '${MARK}'\n`))).split(`${MARK}\n`)
  for (const [text, output] of promises(blocks, printed)) expect(output).toContain(text)
  return printed
}

function promises(blocks: readonly Block[], printed: readonly string[]): [text: string, output: string][] {
  let commands = 0
  return blocks.flatMap(({ language, text }): [string, string][] => {
    if (language === 'sh') commands += 1
    return language === 'text' ? [[text, printed[commands - 1] ?? '']] : []
  })
}
