/** The requests of the page as a reader copies them: the text of the page is read, not what it was made from. */
import { describe, expect, test } from 'vitest'
import { openPolicy } from '../../../actors/access_control/index.ts'
import { apiPage } from '../../../deploy/reference/api_page.ts'
import { mayCall } from '../../../deploy/reference/door_roles.ts'
import { isForUsers } from '../../../deploy/reference/method_entry.ts'
import { referenceOf } from '../../../deploy/reference/reference_files.ts'
import type { PolicyDocuments, Protocol } from '../../../messages/index.ts'
import { PROTOCOLS, requestSubject } from '../../../messages/index.ts'

const reference = referenceOf(mayCall)
const page = apiPage(reference)
const examples = [...page.matchAll(/^nats req (\S+) '(.*)'( -H "Authorization: Bearer \$TOKEN")?$/gm)].map(
  ([, subject = '', body = '', header]) => ({ subject, body: body.replaceAll(`'\\''`, `'`), header }),
)
const bodyOf = (method: string) => examples.find(({ subject }) => subject.endsWith(`.${method}`))?.body ?? ''
const protocols: readonly Protocol[] = Object.values(PROTOCOLS)
const methods = new Map(
  protocols.flatMap(({ name, methods: all }) =>
    Object.entries(all).map(([method, entry]) => [requestSubject(name, method), entry] as const),
  ),
)

describe('the page for users', () => {
  test('has one request to copy for each method', () => {
    const wanted = reference.entries.filter(isForUsers).map(({ subject }) => subject)
    expect(examples.map(({ subject }) => subject).sort()).toEqual([...wanted].sort())
  })

  test.each(examples)('what is sent to $subject is a request of that method', ({ subject, body, header }) => {
    const method = methods.get(subject)
    const plain: unknown = JSON.parse(body)
    const request = method?.plainField === undefined ? plain : { [method.plainField]: plain }
    expect(method?.request.safeParse(request).error?.issues ?? []).toEqual([])
    expect(header === undefined).toBe(['user_login', 'get_platform'].some((open) => subject.endsWith(`.${open}`)))
  })

  test('puts a policy that access control takes', () => {
    const { documents } = JSON.parse(bodyOf('put_policy')) as { documents: PolicyDocuments }
    const question = { question: 'api', role: 'DataOwner', method: 'create_task' } as const
    expect(openPolicy(documents).decide(question).allowed).toBe(false)
  })

  test('says who may call', () => {
    const who = (id: string) => page.split(`### ${id}\n`)[1]?.match(/^\*Who\*: (.*?)\. /m)?.[1]
    expect(who('frontend.register_function')).toBe('`PlatformAdmin`, `FunctionOwner`')
    expect(who('frontend.get_task')).toBe('every user')
    expect(who('authentication.user_login')).toBe('anybody, without a session')
  })

  test('warns of what a repetition does again, and of nothing else', () => {
    const again = page.split(/^### /m).filter((section) => section.includes('*Sent twice*: **does it again**'))
    expect(again.map((section) => section.split('\n')[0])).toEqual(
      reference.entries.filter(({ method }) => method.idempotent === false).map(({ id }) => id),
    )
  })
})
