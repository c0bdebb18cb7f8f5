export { createEventHub } from './events.ts'
export { type Controlled, controlRoutes, type SqlSystem, showPush, showTopUp, stateOf } from './routes.ts'
export { startControl } from './server.ts'
