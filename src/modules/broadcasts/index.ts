/** One message to many: who is told, what became of it. The sending itself is the delivery engine's. */
export { broadcastRoutes } from './admin.ts'
export { broadcastHandlers } from './handlers.ts'
export { resumeBroadcasts } from './resume.ts'
export { openBroadcasts } from './sql-open.ts'
export { sweepBroadcasts } from './sweep.ts'
export { watchBroadcasts } from './watch.ts'
