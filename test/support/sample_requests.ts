/**
 * One well-formed request for each method that a client may call, about the things that are passed in. A method without
 * one does not compile.
 */
import type { authentication, DoorMethod } from '../../messages/index.ts'

export interface Things {
  function: string
  input: string
  output: string
  task: string
  terms_digest: string
  user: string
  /** Whoever else takes part; the one who calls. */
  caller: string
  organisation: string
}

type AuthenticationMethod = Exclude<
  keyof (typeof authentication)['methods'],
  'user_authenticate' | 'get_session_keys' | 'users_exist'
>
export type ClientMethod = DoorMethod | AuthenticationMethod

const KEY = new Uint8Array(32).fill(7)
const crypto = { scheme: 'aes-gcm-256', key: KEY, iv: KEY.subarray(0, 12) }
const tag = KEY.subarray(0, 16)
const url = 'nats-object://files/sample'
const spec = {
  name: 'builtin-ordered-set-intersect',
  executor: 'builtin',
  public: false,
  inputs: [{ name: 'input_data1' }],
  outputs: [{ name: 'output_result1' }],
}

export function sampleRequests(things: Things): Record<ClientMethod, object> {
  const { function: function_id, input, output, task: task_id, terms_digest, user, caller, organisation } = things
  const rule = { name: 'among_us', parties: [user, caller] }
  return {
    register_function: spec,
    update_function: { function_id, ...spec },
    get_function: { function_id },
    get_function_usage: { function_id },
    disable_function: { function_id },
    delete_function: { function_id },
    list_functions: { owner: user },
    register_input_file: { url, tag, crypto, rule },
    register_output_file: { url, crypto, rule },
    update_input_file: { data_id: input, url },
    update_output_file: { data_id: output, url },
    register_fusion_output: { owners: [user, caller], rule: { name: 'for_whom_it_may' } },
    register_input_from_output: { data_id: output },
    get_input_file: { data_id: input },
    get_output_file: { data_id: output },
    list_data: {},
    delete_data: { data_id: input },
    create_task: { function_id, inputs: { input_data1: [user] }, outputs: { output_result1: [user] } },
    get_task: { task_id },
    list_tasks: { creator: user },
    watch_task: { task_id, wait_ms: 0 },
    assign_data: { task_id, inputs: { input_data1: input }, outputs: { output_result1: output } },
    approve_task: { task_id, terms_digest },
    invoke_task: { task_id },
    cancel_task: { task_id },
    query_audit_log: { user, task: task_id, limit: 1 },
    verify_audit_log: {},
    revoke_member: { member: 'management-nobody' },
    get_policy: {},
    put_policy: { replaces: 1_000_000, documents: {} },
    user_login: { id: user, password: 'a wrong guess' },
    user_register: { id: user, password: 'a good password', role: 'DataOwner', attribute: organisation },
    user_update: { id: user, role: 'DataOwner', attribute: organisation, password: 'another password' },
    user_change_password: { current_password: 'a wrong guess', password: 'another password' },
    reset_user_password: { id: user },
    delete_user: { id: user },
    user_logout: {},
    list_users: { attribute: organisation, after: user },
  }
}
