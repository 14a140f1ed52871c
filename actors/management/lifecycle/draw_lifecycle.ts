/**
 * Draws the machine as the page docs/task_lifecycle.md: a mermaid picture and a table. Pure; docs/write_lifecycle.mjs
 * writes the file, and a test fails when it is not what is drawn here.
 */
import type { AnyStateMachine, AnyStateNode } from 'xstate'
import { taskMachine } from './task_machine.ts'

const AT_ONCE = 'at once'

interface Edge {
  from: string
  event: string
  condition: string
  to: string
}

/** The edges in order of the states, eventless ones first; an event that changes no state leads back to its own. */
function edgesOf(machine: AnyStateMachine): Edge[] {
  return Object.values(machine.states).flatMap((node: AnyStateNode) =>
    [...(node.always ?? []), ...[...node.transitions.values()].flat()].map((transition) => ({
      from: node.key,
      event: transition.eventType === '' ? AT_ONCE : transition.eventType,
      condition: transition.description ?? '',
      to: transition.target?.[0]?.key ?? node.key,
    })),
  )
}

/** A mermaid state diagram. */
export function drawLifecycle(machine: AnyStateMachine): string {
  const nodes = Object.values(machine.states) as AnyStateNode[]
  const initial = machine.root.initial.target[0]?.key ?? ''
  return [
    'stateDiagram-v2',
    `  [*] --> ${initial}: create_task`,
    ...edgesOf(machine).map((edge) => `  ${edge.from} --> ${edge.to}: ${label(edge)}`),
    ...nodes.filter((node) => node.type === 'final').map((node) => `  ${node.key} --> [*]`),
  ].join('\n')
}

/** The whole page. */
export function lifecyclePage(machine: AnyStateMachine = taskMachine): string {
  const rows = edgesOf(machine).map(
    ({ from, event, condition, to }) => `| ${from} | ${event} | ${condition} | ${to === from ? 'the same' : to} |`,
  )
  const states = (Object.values(machine.states) as AnyStateNode[]).map(
    (node) => `- **${node.key}**: ${node.description ?? ''}`,
  )
  return `# The life of a task

Drawn from \`actors/management/lifecycle/task_machine.ts\` by \`docs/write_lifecycle.mjs\`; do not edit.

${states.join('\n')}

\`\`\`mermaid
${drawLifecycle(machine)}
\`\`\`

| from | event | condition | to |
|---|---|---|---|
${rows.join('\n')}
`
}

/** The two ends that every living state has go without their conditions, which would only crowd the picture. */
function label({ event, condition }: Edge): string {
  if (event === 'expire' || event === 'cancel_task') return event
  // Mermaid ends a label at a semicolon and takes a colon for its own.
  return `${event} (${condition.replaceAll(/[;:]/g, ',')})`
}
