/** The ways to reach a person: pushes by Firebase Cloud Messaging, SMS by the company's gateway. */

export { dialer } from './dial.ts'
export { type FcmOptions, openFcm } from './fcm.ts'
export { readFcmAccount } from './fcm-account.ts'
export { openSms, type SmsOptions } from './sms.ts'
export type { PushChannel, PushMessage, PushOutcome, SmsChannel, SmsOutcome } from './types.ts'
