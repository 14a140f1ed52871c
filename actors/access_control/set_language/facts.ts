/** The platform's questions as requests of the set language, and their facts as relations. */
import { assert, defined } from '../../../messages/index.ts'
import type { CedarQuestion } from '../cedar/cedar_question.ts'
import type { SetFacts, Tuple } from './compile.ts'
import type { KnownNames } from './parse.ts'

/**
 * What a text may ask about, and in which relations the facts come. A question has the facts of its own things alone.
 */
export const PLATFORM_LANGUAGE: KnownNames = {
  requests: new Map([
    ['user_access_data', ['usr', 'data']],
    ['user_access_function', ['usr', 'function']],
    ['user_access_task', ['usr', 'task']],
    ['task_access_function', ['task', 'function']],
    ['task_access_data', ['task', 'data']],
  ]),
  terms: new Map([
    ['data_owner', ['data', 'usr']],
    ['function_owner', ['function', 'usr']],
    ['is_public_function', ['function']],
    ['task_participant', ['task', 'usr']],
  ]),
}

interface Things {
  data?: { data_id: string; owners: readonly string[] }
  function?: { function_id: string; owner: string; public: boolean }
  task?: { task_id: string; parties: readonly string[] }
}

export function factsOf(question: CedarQuestion): SetFacts {
  assert(question.question !== 'api', 'the set language has no request about methods')
  const { data, function: used, task }: Things = question
  return {
    fields: {
      ...('user_id' in question ? { usr: question.user_id } : {}),
      ...defined({ data: data?.data_id, function: used?.function_id, task: task?.task_id }),
    },
    relations: {
      data_owner: data === undefined ? [] : data.owners.map((owner): Tuple => [data.data_id, owner]),
      function_owner: used === undefined ? [] : [[used.function_id, used.owner]],
      is_public_function: used?.public === true ? [[used.function_id]] : [],
      task_participant: task === undefined ? [] : task.parties.map((party): Tuple => [task.task_id, party]),
    },
  }
}
