export { BEHAVIOUR_OUTCOMES, type Behaviour } from './behaviour.ts'
export type { ReceivedPush } from './payload.ts'
export { type Fcm, startFcm } from './server.ts'
