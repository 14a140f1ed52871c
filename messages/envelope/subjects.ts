/**
 * Every name of a subject, a stream or a bucket is here and nowhere else. Subjects go from general to specific, with
 * ids last; a token has letters, digits, `-` and `_`.
 *
 *     tacit.<service>.<method>                      requests; queue group <service>
 *     tacit.inbox.<service>.<member>                replies to a member, and tacit.inbox.client.<key> to a client
 *     tacit.control.<member>                        requests to this one member
 *     tacit.roots.<service>.<member>                signatures of frames that this member took without one
 *     tacit.event.task.<task id>                    a task changed (state and version, nothing else)
 *     tacit.event.coordinator.epoch                 the group keys changed: renew now
 *     tacit.tasks.<executor>.<class>.<priority>     staged tasks (stream TASKS, a work queue)
 *     tacit.audit.<service>.<member>                pages of the audit log (stream AUDIT)
 *     tacit.deadletters.<executor>.<class>          tasks that were given up (stream DEADLETTERS)
 */

const ROOT = 'tacit'

export const requestSubject = (service: string, method: string) => `${ROOT}.${service}.${method}`
export const inboxSubject = (service: string, member: string) => `${ROOT}.inbox.${service}.${member}`
export const controlSubject = (member: string) => `${ROOT}.control.${member}`
export const signaturesSubject = (service: string, member: string) => `${ROOT}.roots.${service}.${member}`
export const taskEventSubject = (taskId: string) => `${ROOT}.event.task.${taskId}`
export const EPOCH_EVENT = `${ROOT}.event.coordinator.epoch`
export const stagedSubject = (executor: string, workerClass: string, priority: string) =>
  `${ROOT}.tasks.${executor}.${workerClass}.${priority}`
export const deadLetterSubject = (executor: string, workerClass: string) =>
  `${ROOT}.deadletters.${executor}.${workerClass}`

export const auditSubject = (service: string, member: string) => `${ROOT}.audit.${service}.${member}`

export const TASKS_STREAM = 'TASKS'
export const DEADLETTERS_STREAM = 'DEADLETTERS'
export const EVENTS_STREAM = 'EVENTS'
export const AUDIT_STREAM = 'AUDIT'
export const stagedConsumer = (executor: string, workerClass: string, priority: string) =>
  `${executor}-${workerClass}-${priority}`

export const PASSPORTS_BUCKET = 'passports'
export const COORDINATOR_BUCKET = 'coordinator'
export const FILES_BUCKET = 'files'

/** The class of workers that a task needs if it names none. */
export const STANDARD_CLASS = 'standard'

/** The group of a class of workers: its key opens tasks staged for that class, so each class is a group of its own. */
export const workerGroup = (workerClass: string) => `execution-${workerClass}`

/** Headers repeat what an operator may see; no decision rests on them. */
export const HEADERS = {
  method: 'Tacit-Method',
  sender: 'Tacit-Sender',
  letters: 'Tacit-Letters',
  task: 'Tacit-Task',
  state: 'Tacit-State',
  frame: 'Tacit-Frame',
  code: 'Tacit-Code',
  error: 'Nats-Service-Error',
  errorCode: 'Nats-Service-Error-Code',
} as const
