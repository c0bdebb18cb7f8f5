// Builds the web apps into web/dist, each file also compressed, when what they are made of has changed. `npm start`,
// `npm run stack`, `npm test` (all by bin/run.mjs) and the image do it; `npm run web` by hand.
import { createHash } from 'node:crypto'
import { existsSync, globSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const APPS = ['monitor']
const web = fileURLToPath(new URL('.', import.meta.url))
const dist = join(web, 'dist')
const STAMP = 'made-from'

/** Changes with every source and with every version of a package that they are built with. */
function sourcesHash(): string {
  const hash = createHash('sha256')
  const sources = globSync(['*.{ts,json}', '{shared,monitor}/**/*'], { cwd: web })
    .sort()
    .map(file => join(web, file))
  for (const file of sources) {
    if (/\.\w+$/.test(file)) hash.update(file.slice(web.length)).update(readFileSync(file))
  }
  return hash.digest('hex')
}

const wanted = sourcesHash()
const made = existsSync(join(dist, STAMP)) ? readFileSync(join(dist, STAMP), 'utf8') : ''
if (made !== wanted) await build()

async function build(): Promise<void> {
  // Loaded only when there is something to build.
  const { build: bundle } = await import('vite')
  // A folder of its own, renamed when it is whole: nobody is served half of it, and two builds do not mix.
  const folder = join(web, `.dist-${process.pid}`)
  for (const app of APPS) {
    await bundle({
      root: join(web, app),
      configFile: false,
      logLevel: 'warn',
      build: {
        outDir: join(folder, app),
        emptyOutDir: true,
        // The policy of our pages allows no data: addresses.
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
        rolldownOptions: {
          onLog(level, log, tell) {
            // “use client” means nothing where all is the client.
            if (log.code !== 'MODULE_LEVEL_DIRECTIVE') tell(level, log)
          },
        },
      },
    })
    compress(join(folder, app, 'assets'))
  }
  writeFileSync(join(folder, STAMP), wanted)
  rmSync(dist, { recursive: true, force: true })
  renameSync(folder, dist)
}

function compress(folder: string): void {
  for (const name of readdirSync(folder)) {
    const content = readFileSync(join(folder, name))
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11 }
    writeFileSync(join(folder, `${name}.br`), brotliCompressSync(content, { params }))
    writeFileSync(join(folder, `${name}.gz`), gzipSync(content, { level: 9 }))
  }
}
