/** A question in the terms of the schema: who asks to do what with which thing, and the facts about all of them. */
import type { AccessQuestion, Role, TaskUse } from '../../../messages/index.ts'
import { defined, mapDefined } from '../../../messages/index.ts'
import type { CedarRequest } from './cedar_policies.ts'

type Uid = { type: string; id: string }
type Entity = CedarRequest['entities'][number]
type Attribute = Entity['attrs'][string]
type QuestionOf<Q extends AccessQuestion['question']> = Extract<AccessQuestion, { question: Q }>
type Staged = QuestionOf<'staged_task'>
type FunctionFacts = Staged['function'] & Partial<Pick<QuestionOf<'user_access_function'>['function'], 'allowlist'>>

/** Each condition of a staged task is a question of its own; this one is about the task alone. */
export type CedarQuestion = Exclude<AccessQuestion, Staged> | Omit<Staged, 'function' | 'data'>

export function toCedar(question: CedarQuestion): CedarRequest {
  switch (question.question) {
    case 'api':
      return request(uid('Role', question.role satisfies Role), question.method, uid('Service', 'frontend'), [])
    case 'user_access_data':
      return request(uid('User', question.user_id), question.question, dataUid(question.data), [
        dataEntity(question.data),
      ])
    case 'user_access_function': {
      const { user_id, attribute } = question
      const user = {
        uid: uid('User', user_id),
        attrs: {},
        parents: attribute === null ? [] : [uid('Organisation', attribute)],
      }
      const entities = [user, functionEntity(question.function)]
      return request(user.uid, question.question, uid('Function', question.function.function_id), entities)
    }
    case 'user_access_task':
      return request(uid('User', question.user_id), question.question, taskUid(question.task), [
        taskEntity(question.task),
      ])
    case 'task_access_function': {
      const entities = [taskEntity(question.task), functionEntity(question.function)]
      const resource = uid('Function', question.function.function_id)
      return request(taskUid(question.task), question.question, resource, entities, question.use)
    }
    case 'task_access_data': {
      const entities = [taskEntity(question.task), dataEntity(question.data)]
      return request(taskUid(question.task), question.question, dataUid(question.data), entities, question.use)
    }
    case 'staged_task': {
      const task = taskUid(question.task)
      return request(task, question.question, task, [taskEntity(question.task)], question.use)
    }
  }
}

function request(
  principal: Uid,
  action: string,
  resource: Uid,
  entities: Entity[],
  { run, ...use }: TaskUse = {},
): CedarRequest {
  const context = { ...present(use), ...defined({ run }) }
  return { principal, action: uid('Action', action), resource, context, entities }
}

/** Without the fields that are undefined. */
function present(facts: Record<string, Attribute | undefined>): Record<string, Attribute> {
  return defined(facts) as Record<string, Attribute> // any name may be absent, so none is told apart by its type
}

function taskEntity(task: Staged['task']): Entity {
  return { uid: taskUid(task), attrs: { parties: users(task.parties) }, parents: [] }
}

function dataEntity(data: Staged['data'][number]): Entity {
  const { owners, rule } = data
  const attrs = { owners: users(owners), ...defined({ rule: mapDefined(rule, ruleOf) }) }
  return { uid: dataUid(data), attrs, parents: [] }
}

function ruleOf({ parties, ...rule }: NonNullable<Staged['data'][number]['rule']>): Attribute {
  return present({ ...rule, parties: mapDefined(parties, users) })
}

function functionEntity({ function_id, owner, public: isPublic, allowlist }: FunctionFacts): Entity {
  const attrs: Entity['attrs'] = { owner: entity('User', owner), public: isPublic }
  if (allowlist !== undefined) {
    const [organisations, people] = [true, false].map((wanted) =>
      allowlist.filter((entry) => entry.startsWith('org:') === wanted),
    )
    attrs['allowlist'] = {
      users: users(people ?? []),
      organisations: (organisations ?? []).map((entry) => entity('Organisation', entry.slice(4))),
    }
  }
  return { uid: uid('Function', function_id), attrs, parents: [] }
}

function users(ids: readonly string[]): Attribute[] {
  return ids.map((id) => entity('User', id))
}

function entity(type: string, id: string): Attribute {
  return { __entity: uid(type, id) }
}

function uid(type: string, id: string): Uid {
  return { type, id }
}

const taskUid = ({ task_id }: Staged['task']) => uid('Task', task_id)
const dataUid = ({ data_id }: Staged['data'][number]) => uid('Data', data_id)
