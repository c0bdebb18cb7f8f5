import { type Case, drill, IN_FLIGHT } from '../drill.ts'
import { proxyMode, throughProxy } from '../proxy.ts'

const WORKERS = ['samaconso_worker_1', 'samaconso_worker_2']
const HTTP1_CONNECTIONS = 100

/** The way to FCM leads through the company's proxy, which is killed: over HTTP/2, and over HTTP/1.1. */
export const proxy: Case = {
  name: 'proxy',
  what: 'intercepting proxy killed, over HTTP/2 and over HTTP/1.1',
  atMostSeconds: 240,
  async run(lab) {
    const env = throughProxy(lab)
    for (const name of WORKERS) {
      await lab.processes.replace(name, program => ({ ...program, env: { ...program.env, ...env } }))
    }
    try {
      return await drill(lab, {
        name: 'proxy',
        // What was under way has no answer: it may have arrived, and is sent again.
        mayRepeat: WORKERS.length * (IN_FLIGHT + HTTP1_CONNECTIONS),
        async faults({ fault, reached }) {
          await reached(0.2)
          proxyMode.value = 'http1'
          await fault(() => lab.processes.killAndReturn('proxy'), SETTLE_MS)
          await reached(0.5)
          proxyMode.value = 'h2'
          await fault(() => lab.processes.killAndReturn('proxy'), SETTLE_MS)
        },
      })
    } finally {
      proxyMode.value = 'h2'
    }
  },
}

/** A worker asks a way that was down again every five seconds. */
const SETTLE_MS = 8_000
