/**
 * Which command calls which method of the API. The compiler and a test hold that each method has a command.
 *
 * This drawer holds the commands of a party, a file for each group of them.
 */
import type { authentication, DoorMethod } from '../../../messages/index.ts'

type Users = (typeof authentication)['methods']
/** The methods for users: those with callers of their own are for members. */
type UserMethod = { [K in keyof Users]: Users[K] extends { callers: readonly string[] } ? never : K }[keyof Users]

/** What outside parties may call; members call the rest. */
type PartyMethod = `authentication.${UserMethod}` | `frontend.${DoorMethod}` | 'coordinator.get_platform'

export const METHOD_COMMANDS: Readonly<Record<PartyMethod, string>> = {
  'authentication.user_login': 'login',
  'authentication.user_logout': 'logout',
  'authentication.user_register': 'user register',
  'authentication.user_update': 'user update',
  'authentication.user_change_password': 'user change-password',
  'authentication.reset_user_password': 'user reset-password',
  'authentication.delete_user': 'user delete',
  'authentication.list_users': 'user list',
  'coordinator.get_platform': 'member list',
  'frontend.register_function': 'function register',
  'frontend.update_function': 'function update',
  'frontend.get_function': 'function get',
  'frontend.get_function_usage': 'function usage',
  'frontend.disable_function': 'function disable',
  'frontend.delete_function': 'function delete',
  'frontend.list_functions': 'function list',
  'frontend.register_input_file': 'data register --input',
  'frontend.register_output_file': 'data register --output',
  'frontend.update_input_file': 'data move',
  'frontend.update_output_file': 'data move',
  'frontend.register_fusion_output': 'data fuse',
  'frontend.register_input_from_output': 'data pass-on',
  'frontend.get_input_file': 'data get',
  'frontend.get_output_file': 'data get',
  'frontend.list_data': 'data list',
  'frontend.delete_data': 'data delete',
  'frontend.create_task': 'task create',
  'frontend.get_task': 'task get',
  'frontend.list_tasks': 'task list',
  'frontend.watch_task': 'task watch',
  'frontend.assign_data': 'task assign',
  'frontend.approve_task': 'task approve',
  'frontend.invoke_task': 'task invoke',
  'frontend.cancel_task': 'task cancel',
  'frontend.query_audit_log': 'audit query',
  'frontend.verify_audit_log': 'audit verify',
  'frontend.revoke_member': 'member revoke',
  'frontend.get_policy': 'policy show',
  'frontend.put_policy': 'policy put',
}

/** The command that calls a method, such as `tacit task create`; undefined for what parties do not call. */
export function commandOf(method: string): string | undefined {
  const commands: Readonly<Record<string, string>> = METHOD_COMMANDS
  return Object.hasOwn(commands, method) ? `tacit ${commands[method]}` : undefined
}
