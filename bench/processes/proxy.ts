// The simulated proxy that intercepts TLS, alone in a process.
import { loadOrCreateAuthority } from '../../simulators/authority.ts'
import { type ProxyBehaviour, startProxy } from '../../simulators/proxy/index.ts'
import { answerParent } from '../lib/child.ts'

export interface ProxyAddress {
  url: string
  caFile: string
}

interface Data {
  dir: string
  upstreamCa: string
  allowed: string[]
  mode: ProxyBehaviour['mode']
}

answerParent<Data, ProxyAddress>(async ({ dir, upstreamCa, allowed, mode }) => {
  const authority = await loadOrCreateAuthority(dir, 'Simulated proxy authority')
  const { url, close } = await startProxy({ authority, upstreamCa, allowed, behaviour: { mode } })
  return { ready: { url, caFile: authority.caFile }, stop: close }
})
