/**
 * What somebody wants, before anybody knows what there is: a kind of command and a few numbers. What they stand for is
 * found when the command is sent, so a history from which some intents were taken away is still a history.
 */
import fc from 'fast-check'

/** How often each kind is wanted, in parts of the whole. */
const WEIGHTS = {
  login: 4,
  logout: 2,
  register_user: 4,
  update_user: 3,
  change_password: 2,
  reset_password: 2,
  delete_user: 2,
  list_users: 2,
  stolen_session: 1,
  register_function: 5,
  update_function: 2,
  get_function: 3,
  get_function_usage: 2,
  disable_function: 0.5,
  delete_function: 1,
  list_functions: 2,
  register_input_file: 5,
  register_output_file: 4,
  register_fusion_output: 3,
  update_input_file: 2,
  update_output_file: 2,
  register_input_from_output: 3,
  get_data: 4,
  list_data: 2,
  delete_data: 3,
  create_task: 14,
  assign_data: 24,
  approve_task: 16,
  invoke_task: 12,
  cancel_task: 5,
  get_task: 4,
  watch_task: 2,
  list_tasks: 3,
  keep_platform: 3,
  malformed: 2,
}

export type Kind = keyof typeof WEIGHTS

export interface Intent {
  /** Commands of one lane follow each other, those of different lanes are on their way at once. */
  lane: number
  kind: Kind
  /** Small: somebody does what he should not, or with something that is not his. */
  odd: number
  a: number
  b: number
  c: number
}

const LANES = 8
/** Below this an intent is odd. */
export const ODD = 20

const kinds = (Object.keys(WEIGHTS) as Kind[]).map((kind) => ({
  weight: 2 * WEIGHTS[kind],
  arbitrary: fc.constant(kind),
}))
const number = fc.nat(9_999)
const intent: fc.Arbitrary<Intent> = fc.record({
  lane: fc.nat(LANES - 1),
  kind: fc.oneof(...kinds),
  odd: fc.nat(99),
  a: number,
  b: number,
  c: number,
})

/** Rounds of commands: those of one round are on their way at once. */
export function sampleHistory(seed: number, rounds: number, perRound: number): Intent[][] {
  const intents = fc.sample(fc.noBias(intent), { seed, numRuns: rounds * perRound })
  return Array.from({ length: rounds }, (_, round) => intents.slice(round * perRound, (round + 1) * perRound))
}
