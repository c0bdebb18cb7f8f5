import type { OutsideWorld } from './simulators.ts'

/** The simulated world by its addresses: what changes between this and production. Wide limits, all comes from one address. */
export function embeddedDefaults(outside: OutsideWorld): Record<string, string> {
  const server = (
    name: string,
    { host, port, user, password, database }: OutsideWorld['sic'],
  ): Record<string, string> => ({
    [`${name}_HOST`]: host,
    [`${name}_PORT`]: String(port),
    [`${name}_USER`]: user,
    [`${name}_PASSWORD`]: password,
    [`${name}_DATABASE`]: database,
    [`${name}_CA_FILE`]: outside.caFile,
  })
  return {
    SAMACONSO_MODE: 'embedded',
    DRAIN_SECONDS: '0',
    MONITOR_USER: 'admin',
    MONITOR_PASSWORD: 'admin',
    ...server('SIC', outside.sic),
    ...server('POSTPAID', outside.postpaid),
    FCM_BASE_URL: outside.fcm.baseUrl,
    FCM_SERVICE_ACCOUNT_FILE: outside.fcm.serviceAccountFile,
    FCM_CA_FILE: outside.caFile,
    SMS_URL: outside.sms.url,
    SMS_CA_FILE: outside.caFile,
    LIMIT_PER_ACCOUNT: '60000',
    LIMIT_PER_NETWORK: '600000',
    LIMIT_SIGN_INS_PER_NETWORK: '100000',
    LIMIT_SMS_PER_PREFIX: '10000',
    LIMIT_SMS_PER_DAY: '1000000',
  }
}
