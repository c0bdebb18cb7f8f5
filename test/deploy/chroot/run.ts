// `npm run test:chroot`: what deploy/ installs, applied to a Debian in a folder, twice; and the Dockerfile's steps.
//   npm run test:chroot [-- --only server1,image] [--base=FOLDER of a Debian that is there] [--report=FILE]
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { endAll, MIRROR, makeBase, openFolder, run } from './chroot.ts'
import { build, lonelySettings, makeNodeImage, start, withDatabase } from './image.ts'
import { ask, check, install, MACHINES, openSite, rehearse } from './machines.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const PROGRAMS = ['/usr/sbin/debootstrap', '/usr/bin/ansible-playbook', '/usr/bin/unshare']
const IMAGE = 'image'
const argument = (name: string) =>
  process.argv.flatMap((word, i, all) => {
    if (word === `--${name}`) return [String(all[i + 1])]
    return word.startsWith(`--${name}=`) ? [word.slice(name.length + 3)] : []
  })[0]

const only = argument('only')?.split(',')
const isWanted = (name: string) => only === undefined || only.includes(name)
const counts = { passed: 0, failed: 0 }

/** One line of result each. */
async function tell(what: string, work: () => Promise<string>): Promise<boolean> {
  const begun = performance.now()
  const seconds = () => `${((performance.now() - begun) / 1_000).toFixed(0)} s`
  try {
    console.log(`✓ ${what}: ${await work()} (${seconds()})`)
    counts.passed++
    return true
  } catch (error) {
    console.log(`✗ ${what} (${seconds()}): ${(error as Error).message}`)
    counts.failed++
    return false
  }
}

function end(code: number): never {
  const report = argument('report')
  if (report) writeFileSync(report, JSON.stringify(counts))
  process.exit(code)
}

function notTried(why: string): never {
  console.log(`Not tried here: the roles in a Debian folder (npm run test:chroot). ${why}`)
  end(0)
}

if (process.platform !== 'linux' || process.getuid?.() !== 0) notTried('They need Linux and root.')
const missing = PROGRAMS.filter(program => !existsSync(program))
if (missing.length > 0) {
  console.error(
    `Missing here: ${missing.join(', ')}. Install: apt-get install debootstrap ansible util-linux`,
  )
  end(1)
}
for (const name of only ?? [])
  if (name !== IMAGE && !MACHINES.some(machine => machine.name === name)) {
    console.error(`There is no ${name}: say ${[...MACHINES.map(machine => machine.name), IMAGE].join(', ')}.`)
    end(64)
  }

const reached = await fetch(`${MIRROR}/dists/bookworm/Release`, {
  signal: AbortSignal.timeout(20_000),
}).catch(() => undefined)
if (!reached?.ok)
  notTried(`Their packages come from ${MIRROR ?? 'Debian'}, which has no bookworm or does not answer.`)

const { folder, remove } = await openFolder()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    endAll()
    void remove().finally(() => process.exit(130))
  })
const site = await openSite(root, folder)
try {
  const base = join(folder, 'base')
  const hasBase = await tell('Debian in a folder', async () => {
    await makeBase(base, argument('base'))
    return (await run(['du', '-sm', base])).output.replace(/\s.*/s, ' MB')
  })
  for (const machine of MACHINES.filter(({ name }) => hasBase && isWanted(name))) {
    const { name } = machine
    await tell(`${name}: --check while nothing is there`, () => rehearse(root, site, base, machine))
    if (!(await tell(`${name}: roles, twice`, () => install(root, site, machine)))) continue
    await tell(`${name}: its programs`, () => ask(site, machine))
    await tell(`${name}: --check once all is there`, () => check(root, site, machine))
  }
  if (hasBase && isWanted(IMAGE)) {
    await tell('Dockerfile', async () => {
      const node = join(folder, 'node')
      await makeNodeImage(base, node)
      const { stages, image, told } = await build(root, folder, node, 'runtime')
      const answered = await withDatabase(join(folder, 'database'), async url =>
        start(stages, 'runtime', image, await lonelySettings(root, image, url)),
      )
      return `${told.join(', ')}; ${answered}`
    })
  }
} finally {
  await site.close()
  await remove()
}
console.log(`\n${counts.passed} passed, ${counts.failed} failed`)
end(counts.failed === 0 ? 0 : 1)
