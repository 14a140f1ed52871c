/** A deployment on this machine, for programs that start their own: the benchmark and the examples. */
export * from './deployment.ts'
export * from './platform/simulated_platform.ts'
export * from './config.ts'
export { readAdminPassword } from './state/state_folder.ts'
export type { StatePaths } from './state/state_folder.ts'
export * from './launcher/member_process.ts'
