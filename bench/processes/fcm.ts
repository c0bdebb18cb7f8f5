// The simulated FCM, alone in a process.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadOrCreateAuthority } from '../../simulators/authority.ts'
import { startFcm } from '../../simulators/fcm/index.ts'
import { answerParent } from '../lib/child.ts'

export interface FcmAddress {
  baseUrl: string
  port: number
  serviceAccountFile: string
  caFile: string
  ca: string
}

answerParent<{ dir: string }, FcmAddress>(async ({ dir }) => {
  const authority = await loadOrCreateAuthority(dir)
  const { baseUrl, port, serviceAccountFile, close } = await startFcm({
    tls: await authority.issue(),
    dir: join(dir, 'fcm'),
  })
  const { caFile } = authority
  return {
    ready: { baseUrl, port, serviceAccountFile, caFile, ca: readFileSync(caFile, 'utf8') },
    stop: close,
  }
})
