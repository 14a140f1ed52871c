/**
 * The services of the house, one line each: a service's file declares its protocol under its own name. Everything else
 * follows from `registry.ts`: who may ask whom, the users of the broker, the roles of the manifest, what is started,
 * and the reference.
 */
export * from './access_control.ts'
export * from './authentication.ts'
export * from './coordinator.ts'
export * from './execution.ts'
export * from './frontend.ts'
export * from './management.ts'
export * from './scheduler.ts'
export * from './storage.ts'
