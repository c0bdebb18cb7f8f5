import type { Services } from '../../services.ts'
import type { Handlers } from '../../tasks/index.ts'
import { sendSms } from './send-sms.ts'
import { sendSmsTask } from './tasks.ts'

export function accountsHandlers(handlers: Handlers, services: Services): void {
  handlers.on(sendSmsTask, ({ smsId }, { signal }) => sendSms(services, smsId, signal))
}
