import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { OutsideWorld } from '../../src/roles/embedded/simulators.ts'
import type { Unit } from '../stack/supervisor.ts'
import type { FaultPorts } from './ports.ts'

const SCRIPT = fileURLToPath(new URL('../../simulators/proxy/main.ts', import.meta.url))
const START_MS = 20_000
const STOP_MS = 5_000

interface Told {
  dir: string
  ports: FaultPorts
  outside: OutsideWorld
}

/** How the next proxy speaks to both sides; it is told when it starts. */
export const proxyMode: { value: 'h2' | 'http1' } = { value: 'h2' }

/** The settings of a process that reaches FCM through the proxy. */
export const throughProxy = ({ dir, ports }: Pick<Told, 'dir' | 'ports'>): Record<string, string> => ({
  FCM_PROXY_URL: `http://127.0.0.1:${ports.proxy}`,
  FCM_CA_FILE: join(dir, 'proxy', 'authority.pem'),
})

/** The company's intercepting proxy as a process of its own, always at the same port and with the same authority. */
export function proxyUnit({ dir, ports, outside }: Told): Unit {
  const fcm = new URL(outside.fcm.baseUrl).host
  return {
    name: 'proxy',
    async start() {
      const child = spawn(
        process.execPath,
        [
          SCRIPT,
          ...['--data-dir', join(dir, 'proxy'), '--port', String(ports.proxy), '--allow', fcm],
          ...['--upstream-ca', outside.caFile, '--mode', proxyMode.value],
        ],
        // It ends when this pipe closes, whatever becomes of us.
        { stdio: ['pipe', 'pipe', 'inherit'] },
      )
      child.stdin.on('error', () => undefined)
      const exited = new Promise<void>(done => child.once('close', () => done()))
      const stop = async () => {
        child.stdin.end()
        const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
        await exited
        clearTimeout(late)
      }
      try {
        await new Promise<void>((done, fail) => {
          const timer = setTimeout(() => fail(new Error('the proxy took too long to start')), START_MS)
          createInterface({ input: child.stdout }).once('line', () => {
            clearTimeout(timer)
            done()
          })
          void exited.then(() => {
            clearTimeout(timer)
            fail(new Error('the proxy ended at once'))
          })
        })
      } catch (error) {
        await stop()
        throw error
      }
      return { pid: child.pid as number, signal: signal => void child.kill(signal), exited, stop }
    },
  }
}
