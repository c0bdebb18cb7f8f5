import { readFileSync } from 'node:fs'
import type { TLSSocket } from 'node:tls'
import { openBackOffice } from '../../backoffice/index.ts'
import { dialer, readFcmAccount } from '../../channels/index.ts'
import { certificate, endpointOf, reach } from './reach.ts'
import { type Check, ok, type Patient } from './types.ts'

const TIME_MS = 3_000

/** The company's systems and the ways to reach people; nothing is sent to anybody. */
export const outsideChecks = (patient: Patient): Check[] => [
  backOffice(patient, 'sic'),
  backOffice(patient, 'postpaid'),
  push(patient),
  {
    component: 'sms',
    remedy: {
      fr: 'La passerelle SMS est-elle joignable depuis ici (SMS_URL, pare-feu) ? Sinon appelez son exploitant.',
      en: 'Is the SMS gateway reachable from here (SMS_URL, firewall)? Otherwise call who runs it.',
    },
    run: async signal => [
      ok('joignable', 'reachable'),
      ...(await reach(endpointOf(patient.config.smsUrl ?? '', patient.config.smsCaFile), signal)),
    ],
  },
]

/** Signs in and looks up a number that cannot exist: the whole way, and nothing is changed. */
const backOffice = ({ config }: Patient, system: 'sic' | 'postpaid'): Check => ({
  component: system,
  remedy: {
    fr: `Les clients voient leurs dernières données connues. Port 1433 ouvert vers ${system.toUpperCase()} ? Sinon appelez l’équipe de cette base.`,
    en: `Customers see their last known data. Is port 1433 open towards ${system.toUpperCase()}? Otherwise call that database’s team.`,
  },
  async run() {
    const address = (name: 'sic' | 'postpaid') => ({
      host: config[`${name}Host`] ?? '',
      port: config[`${name}Port`] ?? 1433,
      user: config[`${name}User`] ?? '',
      password: config[`${name}Password`] ?? '',
      database: config[`${name}Database`] ?? '',
      caFile: config[`${name}CaFile`] || undefined,
    })
    const system_ = openBackOffice({
      sic: address('sic'),
      postpaid: address('postpaid'),
      limits: { connectMs: TIME_MS, requestMs: TIME_MS, callMs: TIME_MS + 1_000 },
    })
    const startedAt = performance.now()
    try {
      await (system === 'sic' ? system_.prepaidMeter('00000000000') : system_.postpaidAccount('0'))
      const ms = Math.round(performance.now() - startedAt)
      return [ok(`répond en ${ms} ms`, `answers in ${ms} ms`)]
    } finally {
      void system_.close().catch(() => undefined)
    }
  },
})

const push = ({ config }: Patient): Check => ({
  component: 'fcm',
  remedy: {
    fr: 'Vérifiez FCM_SERVICE_ACCOUNT_FILE, FCM_PROXY_URL et FCM_CA_FILE (autorité du proxy), et que le proxy laisse sortir vers FCM.',
    en: 'Check FCM_SERVICE_ACCOUNT_FILE, FCM_PROXY_URL and FCM_CA_FILE (the proxy’s authority), and that the proxy lets FCM through.',
  },
  async run(signal) {
    readFcmAccount(config.fcmServiceAccountFile ?? '')
    const dial = dialer({
      origin: config.fcmBaseUrl ?? '',
      ca: config.fcmCaFile ? readFileSync(config.fcmCaFile, 'utf8') : undefined,
      proxy: config.fcmProxyUrl || undefined,
      protocols: ['h2', 'http/1.1'],
    })
    const socket: TLSSocket = await dial(TIME_MS, signal)
    const expires = Date.parse(socket.getPeerCertificate().valid_to)
    socket.destroy()
    const way = config.fcmProxyUrl ? ['par le proxy', 'through the proxy'] : ['en direct', 'directly']
    return [ok(`joignable ${way[0]}`, `reachable ${way[1]}`), certificate(expires, Date.now())]
  },
})
