import { existsSync } from 'node:fs'
import { readFile, statfs } from 'node:fs/promises'
import { availableParallelism, freemem, loadavg, totalmem } from 'node:os'
import { type Check, type Finding, limit, ok, type Patient, warning } from './types.ts'

/** The machine that it runs on: disks, memory, load, clock, Node. */
export const machineChecks = (patient: Patient): Check[] => [
  {
    component: 'configuration',
    remedy: { fr: 'Corrigez .env.production.', en: 'Correct .env.production.' },
    run: async () =>
      patient.faults.length === 0
        ? [ok('complète et sans faute', 'complete and without a fault')]
        : patient.faults.map(text => ({
            state: 'fault' as const,
            what: { fr: text, en: text },
            remedy: {
              fr: 'Corrigez cette variable dans .env.production (chacune est expliquée dans .env.example).',
              en: 'Correct this variable in .env.production (.env.example explains each).',
            },
          })),
  },
  {
    component: 'disk',
    remedy: { fr: 'Regardez avec « df -h ».', en: 'Look with `df -h`.' },
    run: () => disks(patient),
  },
  {
    component: 'machine',
    remedy: { fr: 'Regardez avec « top ».', en: 'Look with `top`.' },
    run: async () => [await memory(), load(), timeZone(), ...(await synchronised()), node()],
  },
]

async function disks({ config }: Patient): Promise<Finding[]> {
  const folder = !config.s3Endpoint && config.storageFolder ? [config.storageFolder] : []
  // What a container sees of the machine's own disk, where RabbitMQ's and Redis's data are, too.
  const operations = config.operationsFolder ? [config.operationsFolder] : []
  const places = ['/', '/var/log', '/var/lib/postgresql', '/var/lib/docker', ...operations, ...folder].filter(
    existsSync,
  )
  const seen = new Map<string, Finding>()
  for (const place of places) {
    const { blocks, bavail, bfree, bsize, files, ffree } = await statfs(place)
    if (blocks === 0) continue
    const used = Math.round((100 * (blocks - bfree)) / (blocks - bfree + bavail))
    const inodes = files > 0 ? Math.round((100 * (files - ffree)) / files) : 0
    const worst = Math.max(used, inodes)
    const free = Math.round((bavail * bsize) / 2 ** 30)
    const key = `${blocks} ${bfree} ${files}`
    if (seen.has(key)) continue
    const finding = limit(
      worst,
      [80, 90],
      { fr: `${place} : ${used} % pris, ${free} Go libres`, en: `${place}: ${used} % used, ${free} GB free` },
      {
        fr: 'Faites de la place : « du -xh --max-depth=2 / | sort -h | tail », vieux journaux, « docker system prune -af ».',
        en: 'Make room: `du -xh --max-depth=2 / | sort -h | tail`, old logs, `docker system prune -af`.',
      },
    )
    seen.set(key, finding)
  }
  return [...seen.values()]
}

async function memory(): Promise<Finding> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '')
  const available = /MemAvailable:\s+(\d+)/.exec(text)?.[1]
  const left = available ? (Number(available) * 1_024) / totalmem() : freemem() / totalmem()
  const percent = Math.round(100 - left * 100)
  return limit(
    percent,
    [90, 97],
    { fr: `mémoire prise à ${percent} %`, en: `memory used to ${percent} %` },
    {
      fr: 'Cherchez qui la prend : « ps aux --sort=-rss | head ».',
      en: 'Find who takes it: `ps aux --sort=-rss | head`.',
    },
  )
}

function load(): Finding {
  const perCore = (loadavg()[1] ?? 0) / availableParallelism()
  const shown = perCore.toFixed(2)
  return limit(
    perCore,
    [2, 8],
    { fr: `charge par cœur sur 5 minutes : ${shown}`, en: `load per core over 5 minutes: ${shown}` },
    { fr: 'Cherchez qui calcule : « top ».', en: 'Find who computes: `top`.' },
  )
}

function timeZone(): Finding {
  const minutes = new Date().getTimezoneOffset()
  if (minutes === 0) return ok('heure de Dakar (UTC)', 'time of Dakar (UTC)')
  return warning(
    { fr: 'cette machine n’est pas à l’heure de Dakar', en: 'this machine is not on the time of Dakar' },
    { fr: 'timedatectl set-timezone Africa/Dakar', en: 'timedatectl set-timezone Africa/Dakar' },
  )
}

/** Where systemd keeps time; other means are not known, and nothing is claimed. */
async function synchronised(): Promise<Finding[]> {
  if (!existsSync('/run/systemd/timesync')) return []
  if (existsSync('/run/systemd/timesync/synchronized'))
    return [ok('horloge synchronisée', 'clock synchronised')]
  return [
    warning(
      { fr: 'l’horloge n’est pas synchronisée (NTP)', en: 'the clock is not synchronised (NTP)' },
      {
        fr: 'timedatectl set-ntp true, et laissez sortir UDP 123',
        en: 'timedatectl set-ntp true, and let UDP 123 out',
      },
    ),
  ]
}

function node(): Finding {
  const major = Number(process.versions.node.split('.')[0])
  if (major >= 24) return ok(`Node ${process.versions.node}`, `Node ${process.versions.node}`)
  return warning(
    {
      fr: `Node ${process.versions.node} : il en faut 24`,
      en: `Node ${process.versions.node}: 24 is needed`,
    },
    { fr: 'Prenez l’image de la version.', en: 'Use the image of the release.' },
  )
}
