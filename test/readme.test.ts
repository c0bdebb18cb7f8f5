import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { until } from './harness.ts'
import { type Product, startProduct } from './product.ts'

let product: Product
beforeAll(async () => {
  product = await startProduct()
}, 120_000)
afterAll(() => product.stop())

/** What a shell prints for a script; rejects when a command of it fails. */
function shell(script: string): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', chunk => {
        output += chunk
      })
    }
    child.once('exit', code => (code === 0 ? done(output) : fail(new Error(output))))
  })
}

it('the tour of the README does what the README says', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const [tour] = readme.match(/(?<=```sh\n)api=[\s\S]*?(?=```)/) ?? []
  expect(tour).toBeDefined()
  const here = (tour as string)
    .replaceAll('http://127.0.0.1:8001', product.api)
    .replaceAll('http://127.0.0.1:9900', product.simulators)
  const output = await shell(`token=none\n${here}`)
  expect(output).toContain('"energyKwh"')
  expect(output).toContain('"state":"running"')
  const received = await until('the broadcast on Awa’s phone', async () => {
    const messages = await product.world('GET', '/push?token=sim-seed-1')
    return messages.length > 0 && JSON.stringify(messages)
  })
  expect(received).toContain('Coupure de courant')
}, 60_000)
