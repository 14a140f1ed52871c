/** The folders inside floors and services: each says what belongs there, and what all need does not depend on them. */
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import type { Text } from './support/sources.ts'
import { filesOf, importsOf, pathsOf, PRODUCT } from './support/sources.ts'

/** Files at the root of the runtime that may import its drawers, since they only hand on what is there. */
const HANDS_ON = ['runtime/index.ts', 'runtime/public.ts']

const product = filesOf(/\.ts$/).filter(({ path }) => PRODUCT.some((floor) => path.startsWith(`${floor}/`)))

test('each drawer says what belongs there, in the opening comment of exactly one of its files', () => {
  const drawers = [...new Set(product.map(({ path }) => dirname(path)).filter(isDrawer))]
  const said = drawers.map((drawer) => ({
    drawer,
    by: pathsOf(product, (source) => dirname(source.path) === drawer && openingOf(source).includes('This drawer ')),
  }))
  expect(drawers.length).toBeGreaterThan(20)
  expect(said.filter(({ by }) => by.length !== 1)).toEqual([])
})

test('no file at the root of the runtime imports a drawer, but for those that hand them on', () => {
  const atRoot = product.filter(({ path }) => dirname(path) === 'runtime' && !HANDS_ON.includes(path))
  const opensDrawer = ({ path, text }: Text) =>
    importsOf(path, text).some((target) => /^runtime\/[a-z_]+\//.test(target))
  expect(atRoot.length).toBeGreaterThan(5)
  expect(pathsOf(atRoot, opensDrawer)).toEqual([])
})

/** True for a folder that is neither a floor nor a service. */
function isDrawer(folder: string): boolean {
  return !PRODUCT.includes(folder) && !/^actors\/[a-z_]+$/.test(folder)
}

/** The comment that a file begins with, in one line. */
function openingOf({ text }: Text): string {
  const comment = /^(?:#!.*\n)?(\/\*\*.*?\*\/)/s.exec(text)?.[1] ?? ''
  return comment.replaceAll(/\n \* ?/g, ' ')
}
