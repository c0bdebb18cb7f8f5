import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { setCable } from '../../lib/network.ts'
import { run } from '../../lib/run.ts'
import { sql } from '../../lib/servers.ts'
import type { Case, Drilling } from './drilling.ts'
import { going } from './product.ts'

const SHELL_MS = 60_000
const sh = async (script: string): Promise<void> =>
  void (await run(['bash', '-c', `set -euo pipefail\n${script}`], { ms: SHELL_MS }))

/** Puts a disk of its own, in a file, at a place; what is there goes onto it. */
const mountDisk = (image: string, place: string, size: string) =>
  sh(`truncate -s ${size} ${image}; mkfs.ext4 -q -m 0 ${image}; work=$(mktemp -d)
mount -o loop ${image} $work; cp -a ${place}/. $work/; chown --reference=${place} $work; chmod --reference=${place} $work
umount $work; mount -o loop ${image} ${place}`)

const brokerHome = (d: Drilling) => join(d.lab.root('server2'), 'var/lib/samaconso/rabbitmq')
const tls = (d: Drilling, name: string) => join(d.lab.root('server2'), 'etc/samaconso/tls', name)

/** A certificate of the product's own authority for RabbitMQ, that lasts so many days. */
async function shortCertificate(d: Drilling, days: number): Promise<void> {
  const folder = join(d.lab.folder, 'drill-authority')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'a.crt'), d.secrets.authority_certificate ?? '')
  await writeFile(join(folder, 'a.key'), d.secrets.authority_key ?? '', { mode: 0o600 })
  await sh(`cd ${folder}; cp -a ${tls(d, 'rabbitmq.crt')} kept.crt
openssl req -new -key ${tls(d, 'rabbitmq.key')} -subj /CN=server2 -addext 'subjectAltName=DNS:server2,DNS:localhost,IP:192.0.2.12,IP:127.0.0.1' |
  openssl x509 -req -CA a.crt -CAkey a.key -CAcreateserial -days ${days} -copy_extensions copy -out new.crt
cat new.crt >${tls(d, 'rabbitmq.crt')}; rm a.key`)
}

/** RabbitMQ with a disk of its own and with a certificate that ends soon; it restarts for both. */
export const diskCases: readonly Case[] = [
  {
    alerts: ['RabbitMqDown', 'ProbeFails'],
    what: 'RabbitMQ stopped',
    cause: d => d.lab.units.stop('samaconso_rabbitmq'),
    async cure(d) {
      await mountDisk(join(d.lab.folder, 'broker.img'), brokerHome(d), '6G')
      await shortCertificate(d, 20)
      await d.lab.units.start('samaconso_rabbitmq')
    },
  },
  {
    alerts: ['RabbitMqAlarm', 'DiskFull', 'OutboxOld'],
    what: 'the disk of RabbitMQ full for more than a minute',
    cause: d =>
      sh(
        `fallocate -l $(($(df -B1 --output=avail ${brokerHome(d)} | tail -1) - 300000000)) ${brokerHome(d)}/filler`,
      ),
    cure: d => sh(`rm ${brokerHome(d)}/filler`),
    withinMs: 120_000,
  },
  {
    alerts: ['DelayBudgetBurnsFast', 'DelayBudgetBurnsSlowly'],
    what: 'the notifications that waited for that leave late',
    cause: async () => undefined,
    cure: async () => undefined,
    withinMs: 150_000,
  },
]

/** Tasks of timers as they are, on a machine whose clock is behind by so much: what it says is then that old. */
async function taskLongAgo(d: Drilling, ago: string, name: string, ...command: string[]): Promise<void> {
  const folder = join(d.lab.folder, `clock-${name}`)
  await mkdir(folder, { recursive: true })
  await writeFile(
    join(folder, 'date'),
    `#!/bin/bash\ncase " $* " in *" -d "*) exec /bin/date "$@" ;; *) exec /bin/date -d '${ago}' "$@" ;; esac\n`,
    { mode: 0o755 },
  )
  await d.lab.on(
    'server1',
    ['bash', '-c', `PATH=${folder}:$PATH exec samaconso-task "$@"`, 'bash', name, ...command],
    180_000,
  )
}
const task = (d: Drilling, name: string, ...command: string[]) =>
  d.lab.on('server1', ['samaconso-task', name, ...command], 180_000)
const dumps = (d: Drilling) => join(d.lab.root('server1'), 'var/backups/samaconso/dumps')

let stopGrowing: () => void = () => undefined
const growing = (d: Drilling) => join(d.lab.folder, 'growing')

export const slowCases: readonly Case[] = [
  {
    alerts: ['CertificateExpires'],
    what: 'RabbitMQ with a certificate of the internal authority for 20 days',
    isSlow: true,
    cause: async () => undefined,
    async cure(d) {
      await sh(`cat ${join(d.lab.folder, 'drill-authority/kept.crt')} >${tls(d, 'rabbitmq.crt')}`)
      await d.lab.units.restart('samaconso_rabbitmq')
    },
    withinMs: 120_000,
  },
  {
    alerts: ['DiskFillsUp'],
    what: 'a disk filled to two thirds, and a little more each second',
    isSlow: true,
    async cause(d) {
      await mkdir(growing(d), { recursive: true })
      await mountDisk(join(d.lab.folder, 'growing.img'), growing(d), '2G')
      stopGrowing = d.goOn(
        'server1',
        `cd ${growing(d)}; fallocate -l 1350M a; for i in $(seq 2000); do head -c 300000 /dev/zero >>b; sleep 1; done`,
      )
    },
    async cure(d) {
      stopGrowing()
      await sh(`rm -f ${growing(d)}/[ab]`)
    },
    withinMs: 150_000,
  },
  {
    alerts: ['BackupOld'],
    what: 'the nightly dump as it was 27 hours ago: made by the task itself, with its clock behind',
    isSlow: true,
    cause: d => taskLongAgo(d, '27 hours ago', 'backup-dump', 'samaconso-backup', 'dump'),
    cure: async d => void (await task(d, 'backup-dump', 'samaconso-backup', 'dump')),
  },
  {
    alerts: ['RestoreTestOld'],
    what: 'the proof of restoration as it was 41 days ago, in the same way',
    isSlow: true,
    async cause(d) {
      await d.lab.on('server1', ['samaconso-backup', 'full'], 180_000)
      await taskLongAgo(d, '41 days ago', 'restore-test', 'samaconso-restore-test')
    },
    async cure(d) {
      // A database that is minutes old grows by more than a hundredth in one of them.
      await sql(d.lab.root('server1'), 'select pg_switch_wal()')
      await task(d, 'restore-test', 'samaconso-restore-test')
    },
    withinMs: 120_000,
  },
]

export const machineCases: readonly Case[] = [
  {
    alerts: ['TaskFailed'],
    what: 'a dump while its folder is not there',
    async cause(d) {
      await rename(dumps(d), `${dumps(d)}.away`)
      await task(d, 'backup-dump', 'samaconso-backup', 'dump').catch(() => undefined)
    },
    async cure(d) {
      await rm(dumps(d), { recursive: true, force: true })
      await rename(`${dumps(d)}.away`, dumps(d))
      await task(d, 'backup-dump', 'samaconso-backup', 'dump')
    },
    withinMs: 60_000,
  },
  {
    alerts: ['CpuHigh'],
    what: 'twice as many idle loops as processors',
    ...going(d =>
      d.goOn(
        'server1',
        'for i in $(seq $(($(nproc) * 2))); do nice -n 19 bash -c "while :; do :; done" & done; wait',
      ),
    ),
  },
  {
    alerts: ['MemoryLow'],
    what: 'what the kernel says of the memory replaced, in the laboratory alone: hardly any left',
    async cause(d) {
      const meminfo = await readFile('/proc/meminfo', 'utf8')
      const said = join(d.lab.folder, 'meminfo')
      await writeFile(said, meminfo.replace(/^(MemAvailable:\s+)\d+/m, '$1100000'))
      await run(['mount', '--bind', said, '/proc/meminfo'])
    },
    cure: async () => void (await run(['umount', '/proc/meminfo'])),
  },
  {
    alerts: ['MetricsMissing'],
    what: 'the probe stopped',
    cause: d => d.lab.units.stop('samaconso_blackbox'),
    cure: d => d.lab.units.start('samaconso_blackbox'),
  },
  {
    alerts: ['MachineDown'],
    what: 'the cable of the balancer pulled',
    cause: async () => void (await setCable('balancer1', 'down')),
    async cure() {
      await setCable('balancer1', 'up')
      await pause(3_000)
    },
  },
]

export const longCases: readonly Case[] = [
  {
    alerts: ['WalArchiveOld'],
    what: 'the volume of backups not there for more than fifteen minutes',
    isSlow: true,
    async cause(d) {
      const folder = join(d.lab.root('server1'), 'var/backups/samaconso')
      await rename(folder, `${folder}.away`)
    },
    async cure(d) {
      const folder = join(d.lab.root('server1'), 'var/backups/samaconso')
      await rm(folder, { recursive: true, force: true })
      await rename(`${folder}.away`, folder)
    },
    withinMs: 1_080_000,
  },
  {
    alerts: ['LongTransaction'],
    what: 'a transaction of more than ten minutes',
    isSlow: true,
    ...going(d =>
      d.goOn(
        'server1',
        "setpriv --reuid=postgres --regid=postgres --init-groups psql -XqAt -c 'select pg_sleep(1200)'",
        { PGHOST: join(d.lab.root('server1'), 'var/run/postgresql'), PGDATABASE: 'samaconso' },
      ),
    ),
    withinMs: 720_000,
  },
]
