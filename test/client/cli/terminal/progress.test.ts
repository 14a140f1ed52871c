import { expect, test } from 'vitest'
import { createOutput } from '../../../../client/cli/terminal/output.ts'
import { Remarks } from '../../../../client/cli/terminal/progress.ts'

function sceneOf({ isTTY = false, isQuiet = false } = {}) {
  const written: string[] = []
  const remarks = new Remarks({ write: (text) => written.push(text), isTTY }, isQuiet)
  return { remarks, written }
}
const MIB = 1024 * 1024

test('a log is told of each quarter, in lines of their own', () => {
  const { remarks, written } = sceneOf()
  const onBytes = remarks.progress('uploading a.enc')
  for (let done = 1; done <= 100; done += 1) onBytes(done * MIB, 100 * MIB)
  expect(written).toEqual([1, 25, 50, 75, 100].map((percent) => `uploading a.enc: ${percent} % of 100.0 MiB\n`))
})

test('a small file is one line', () => {
  const { remarks, written } = sceneOf()
  const onBytes = remarks.progress('encrypting a')
  for (const done of [60, 120]) onBytes(done, 120)
  remarks.progress('encrypting nothing')(0, 0)
  expect(written).toEqual(['encrypting a: 100 % of 120 bytes\n', 'encrypting nothing: 100 % of 0 bytes\n'])
})

test('a terminal has one line, which is written over at each percent and makes room for remarks', () => {
  const { remarks, written } = sceneOf({ isTTY: true })
  const onBytes = remarks.progress('opening a.enc')
  for (const done of [1024, 1025, 2048]) onBytes(done, 100 * 1024)
  remarks.say('something else')
  onBytes(100 * 1024, 100 * 1024)
  expect(written).toEqual([
    '\r\u001b[Kopening a.enc: 1 % of 100.0 KiB',
    '\r\u001b[Kopening a.enc: 2 % of 100.0 KiB',
    '\r\u001b[K',
    'something else\n',
    '\r\u001b[Kopening a.enc: 100 % of 100.0 KiB\n',
  ])
})

test('programs are told nothing of it', () => {
  const { remarks, written } = sceneOf({ isTTY: true, isQuiet: true })
  remarks.progress('uploading')(50, 100)
  remarks.say('a remark')
  expect(written).toEqual(['a remark\n'])
})

test('what other parties wrote cannot move the cursor', () => {
  const written: string[] = []
  const stream = { write: (text: string) => written.push(text) > 0 } as unknown as NodeJS.WritableStream
  const output = createOutput(false, stream, stream)
  output.result({}, ['name\u001b[2Jx', 'two\n\tlines'])
  output.say('reason\u0007\rok')
  expect(written).toEqual(['name\ufffd[2Jx\n', 'two\n\tlines\n', 'reason\ufffd\ufffdok\n'])
})
