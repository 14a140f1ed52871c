import { expect, test } from 'vitest'
import {
  controlSubject,
  deadLetterSubject,
  EPOCH_EVENT,
  HEADERS,
  inboxSubject,
  requestSubject,
  stagedConsumer,
  stagedSubject,
  taskEventSubject,
  workerGroup,
} from '../../../messages/index.ts'

test('the subjects are these, general to specific, ids last', () => {
  expect(requestSubject('frontend', 'get_task')).toBe('tacit.frontend.get_task')
  expect(inboxSubject('frontend', 'frontend-1')).toBe('tacit.inbox.frontend.frontend-1')
  expect(controlSubject('execution-1')).toBe('tacit.control.execution-1')
  expect(taskEventSubject('task-1')).toBe('tacit.event.task.task-1')
  expect(EPOCH_EVENT).toBe('tacit.event.coordinator.epoch')
  expect(stagedSubject('wasm', 'standard', 'high')).toBe('tacit.tasks.wasm.standard.high')
  expect(deadLetterSubject('wasm', 'standard')).toBe('tacit.deadletters.wasm.standard')
})

test('a consumer and a group are one token each', () => {
  expect(stagedConsumer('wasm', 'standard', 'high')).toBe('wasm-standard-high')
  expect(workerGroup('special')).toBe('execution-special')
})

test('headers are named as the wire has them', () => {
  expect(HEADERS).toMatchObject({
    code: 'Tacit-Code',
    error: 'Nats-Service-Error',
    errorCode: 'Nats-Service-Error-Code',
  })
})
