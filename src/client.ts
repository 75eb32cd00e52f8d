/**
 * `lantern/client`, for programs: `connect` gives the services of a daemon as promises and async iterables. Messages
 * have the fields of docs/api.md in camelCase; a request needs only those that it sets.
 */
export { type ErrorCode, type Fault, LanternError } from './base/errors.ts';
export { connect, type LanternClient } from './rpc/client.ts';
