import { describe, expect, it } from 'vitest'
import { compileSets } from '../../../../actors/access_control/set_language/compile.ts'
import { PLATFORM_LANGUAGE } from '../../../../actors/access_control/set_language/facts.ts'
import { parseSets } from '../../../../actors/access_control/set_language/parse.ts'
import { ANCESTOR } from './ancestor_text.ts'

const parse = (text: string) => parseSets({ name: 'old.sets', text })
/** The example with one line replaced. */
const changed = (line: string, by: string) => {
  expect(ANCESTOR).toContain(line)
  return parse(ANCESTOR.replace(line, by))
}

describe('a text in the set language', () => {
  it('written for the ancestor loads as it is', () => {
    const { requests, terms, matchers } = parseSets({ name: 'old.sets', text: ANCESTOR }, PLATFORM_LANGUAGE)
    expect([...requests.keys()]).toEqual(['user_access_data', 'task_access_function', 'task_access_data'])
    expect([...terms.keys()]).toEqual(['data_owner', 'function_owner', 'is_public_function', 'task_participant'])
    expect([...matchers.keys()]).toEqual([...requests.keys()])
  })

  it('may have comments, empty lines, joined lines, carriage returns and indents', () => {
    const text = ANCESTOR.replace(' or function_owner', ' \\\n    or function_owner').replaceAll(
      '\n',
      '  # said so\r\n\r\n',
    )
    // A comment behind a backslash would hide it, so that one line is joined without.
    const joined = text.replace('\\  # said so\r\n\r\n', '\\\r\n')
    expect(parse(joined).matchers.size).toBe(3)
  })

  it('puts not before and, and and before or', () => {
    const { matchers } = changed(
      'user_access_data = data_owner(user_access_data.data, user_access_data.usr)',
      'user_access_data = is_public_function(user_access_data.usr) or not ' +
        'is_public_function(user_access_data.data) and (is_public_function(user_access_data.usr) or ' +
        'is_public_function(user_access_data.data))',
    )
    expect(matchers.get('user_access_data')).toMatchObject({
      kind: 'or',
      left: { kind: 'member' },
      right: { kind: 'and', left: { kind: 'not' }, right: { kind: 'or' } },
    })
  })

  it.each([
    [
      'a name that is request and term',
      'data_owner = data, usr',
      'user_access_data = data, usr',
      /:6:1: user_access_data is declared already/,
    ],
    ['a field that is there twice', 'usr, data', 'usr, usr', /:2:25: usr is there twice/],
    [
      'a request without a matcher',
      'user_access_data = data_owner(user_access_data.data, user_access_data.usr)',
      '',
      /:2:1: the request user_access_data has no matcher/,
    ],
    [
      'a matcher without a request',
      'user_access_data = data_owner(',
      'anybody = data_owner(',
      /:11:1: there is no request anybody/,
    ],
    [
      'a second matcher',
      'task_access_function = is',
      'user_access_data = is',
      /:12:1: user_access_data has a matcher already/,
    ],
    [
      'too few columns',
      'data_owner(user_access_data.data, user_access_data.usr)',
      'data_owner(user_access_data.data)',
      /:11:20: data_owner has 2 columns, not 1/,
    ],
    [
      'too many columns',
      'is_public_function(task_access_function.function)',
      'is_public_function(_, _)',
      /:12:24: is_public_function has 1 columns, not 2/,
    ],
    ['an unknown term', '= data_owner(user', '= data_ownr(user', /:11:20: there is no term data_ownr/],
    [
      'an unknown field',
      'user_access_data.usr)',
      'user_access_data.user)',
      /:11:71: user_access_data has no field user/,
    ],
    [
      'a field of another request',
      'data_owner(user_access_data.data',
      'data_owner(task_access_data.data',
      /:11:31: task_access_data is not the request/,
    ],
    ['a set where a truth is wanted', 'user_access_data.usr)', '_)', /:11:20: data_owner is a set here/],
    [
      'a truth where a set is wanted',
      'task_participant(task_access_data.task, _)',
      'task_participant(task_access_data.task, task_access_data.data)',
      /:13:60: task_participant is no set here/,
    ],
    [
      'tuples of different length',
      'task_participant(task_access_data.task, _)',
      'task_participant(_, _)',
      /:13:60: tuples of 2 are compared with tuples of 1/,
    ],
    ['a character without meaning', 'usr, data', 'usr; data', /:2:23: ";" has no meaning/],
    ['something behind the end', '[terms]', '[terms] now', /:5:9: the end of the line is wanted, not "now"/],
    ['another section', '[terms]', '[words]', /:5:2: \[words\] does not belong here/],
    ['a section twice', '[terms]', '[requests]', /:5:2: \[requests\] does not belong here/],
    ['a definition before any section', '[requests]', '', /:2:1: a definition stands in no section/],
    [
      'an open parenthesis',
      '<= task_participant(task_access_data.task, _)',
      '<= task_participant(task_access_data.task, _',
      /:13:101: "\)" is wanted, not the end of the line/,
    ],
    [
      'a word of the language as a name',
      'is_public_function = function',
      'not = function',
      /:8:1: a definition is wanted, not "not"/,
    ],
    [
      'no expression',
      'data_owner(user_access_data.data, user_access_data.usr)',
      '',
      /:11:20: a term is wanted, not the end of the line/,
    ],
  ])('is refused with line and column for %s', (_, line, by, message) => {
    expect(() => changed(line, by)).toThrow(
      expect.objectContaining({ code: 'policy_invalid', message: expect.stringMatching(message) }),
    )
  })

  it('is refused without its matchers, and when it is nested without end', () => {
    expect(() => parse('[requests]\n[terms]\n')).toThrow(/^old\.sets:2:8: the section \[matchers\] is missing/)
    expect(() => parse('')).toThrow(/^old\.sets:1:1: the section \[requests\] is missing/)
    expect(() => changed('= data_owner(user', `= ${'('.repeat(100)}data_owner(user`)).toThrow(/more than 64/)
  })

  it('decides only what it speaks of', () => {
    const rules = compileSets(parse(ANCESTOR))
    expect(rules.decide('user_access_task', () => expect.unreachable())).toBeUndefined()
  })
})
