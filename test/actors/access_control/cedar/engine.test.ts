import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'

const ENGINE = pathToFileURL(join(import.meta.dirname, '../../../../dist/actors/access_control/cedar/engine.js')).href

/** Gives up the optimised code of the call while the engine reads its facts. */
const SCRIPT = `
import { setFlagsFromString } from 'node:v8'
import { preparsePolicySet, statefulIsAuthorized as ask } from '${ENGINE}'
setFlagsFromString('--allow-natives-syntax')
const native = (body) => new Function('f', body)
preparsePolicySet('p', { staticPolicies: { a: 'permit(principal, action, resource);' } })
const uid = (type) => ({ type, id: 'x' })
let whileAsked = () => {}
const call = () => ({
  principal: uid('A'), action: uid('Action'), resource: uid('B'), context: {}, preparsedPolicySetId: 'p',
  get entities() { whileAsked(); return [] },
})
native('%PrepareFunctionForOptimization(f)')(ask)
for (let i = 0; i < 1000; i += 1) ask(call())
native('%OptimizeFunctionOnNextCall(f)')(ask)
ask(call())
whileAsked = () => native('%DeoptimizeFunction(f)')(ask)
console.log(ask(call()).response.decision)
`

it('the engine survives that its optimised caller is given up in the middle of a call', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', SCRIPT], { encoding: 'utf8' })
  expect(stdout, stderr).toBe('allow\n')
})
