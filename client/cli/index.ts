/**
 * This drawer holds what a party types: its commands, and apart from them what chooses a platform, what reads and
 * prints, and what completes. Here is what the program that joins all commands takes of them, and what operators'
 * commands share with them.
 */
export { CommandFailure, createOutput, EXIT_CODES, reportFailure } from './terminal/output.ts'
export type { Output } from './terminal/output.ts'
export { isBrokerUrl } from './platform/context_store.ts'
export { LOCAL_STATE } from './platform/chosen_platform.ts'
export type { GlobalOptions, PartyEnvironment } from './platform/chosen_platform.ts'
export type { PartyContext } from './platform/party.ts'
export { addAuditCommands } from './commands/audit_commands.ts'
export { addCompletionCommand } from './completion/completion_command.ts'
export { addContextCommands } from './commands/context_commands.ts'
export { addDataCommands } from './commands/data_commands.ts'
export { addFunctionCommands } from './commands/function_commands.ts'
export { addMemberCommands } from './commands/member_commands.ts'
export { addPolicyCommands } from './commands/policy_commands.ts'
export { addReceiptCommands } from './commands/receipt_commands.ts'
export { addSchemaCommand } from './commands/schema_command.ts'
export { addSessionCommands } from './commands/session_commands.ts'
export { addTaskCommands } from './commands/task_commands.ts'
export { addUserCommands } from './commands/user_commands.ts'
