// Fails when a committed file that is made from the code is not what the code makes now.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { envExample } from '../src/config.ts'

const root = new URL('../', import.meta.url)
const { version } = JSON.parse(await readFile(new URL('package.json', root), 'utf8'))

const FILES: Record<string, { file: string; make: () => Promise<string> }> = {
  openapi: {
    file: 'openapi.json',
    make: async () => (await import('../src/roles/openapi.ts')).openApiDocument(version),
  },
  'openapi-monitor': {
    file: 'openapi-monitor.json',
    make: async () => (await import('../src/monitor/index.ts')).monitorOpenApi(version),
  },
  'monitor-client': {
    file: 'web/monitor/api.ts',
    make: async () => (await import('../web/generate.ts')).monitorTypes(),
  },
  'env-example': { file: '.env.example', make: async () => envExample() },
}

const [name = ''] = process.argv.slice(2)
const generated = FILES[name]
if (!generated) throw new Error(`One of: ${Object.keys(FILES).join(', ')}`)
const path = fileURLToPath(new URL(generated.file, root))
if ((await readFile(path, 'utf8').catch(() => '')) !== (await generated.make())) {
  console.error(
    `${generated.file} is not what the code says: npm run ${name === 'env-example' ? 'samaconso -- env-example --write' : 'openapi'}`,
  )
  process.exit(1)
}
process.exit(0)
