import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PAGES } from '../../deploy/observability/dashboards/generate.ts'
import { type Clone, cloneDatabase } from '../databases.ts'
import { alerts } from './files.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const textOf = (pattern: string): string =>
  globSync(pattern, { cwd: root })
    .map(path => read(path))
    .join('\n')

interface Command {
  page: string
  text: string
}

const pages = globSync('docs/runbooks/[A-Z]*.md', { cwd: root }).filter(path => !path.endsWith('README.md'))
/** The commands of a page: lines of its blocks, and what in a sentence begins with a program. */
const commands: Command[] = pages.flatMap(path => {
  const text = read(path)
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) =>
    block.trim().split('\n'),
  )
  const inline = [...text.replace(/^```sh\n[\s\S]*?^```/gm, '').matchAll(/`([^`]+)`/g)]
    .map(([, code = '']) => code)
    .filter(
      code =>
        /^(docker|systemctl|samaconso-\w+|sudo|bash|find|nft|nc|chown) \S/.test(code) ||
        /^select /i.test(code),
    )
  const page = path.replace(/.*\//, '')
  return [...blocks, ...inline].map(text => ({ page, text }))
})
const all = (pattern: RegExp): string[][] =>
  commands.flatMap(({ page, text }) =>
    [...text.matchAll(pattern)].map(([, ...found]) => [page, ...found.map(String)]),
  )

/** Each must be in the set; says which page names what. */
function expectKnown(found: readonly string[][], known: ReadonlySet<string>, least: number): void {
  expect(found.length).toBeGreaterThanOrEqual(least)
  expect(found.filter(([, name = '']) => !known.has(name))).toEqual([])
}

let clone: Clone
beforeAll(async () => {
  clone = await cloneDatabase()
})
afterAll(() => clone?.drop())

describe('commands of the procedures', () => {
  it('begin with programs of the servers', () => {
    const programs = new Set(
      [
        ...[
          'bash',
          'cat',
          'chown',
          'chronyc',
          'curl',
          'df',
          'docker',
          'du',
          'find',
          'grep',
          'head',
          'journalctl',
          'ls',
          'nc',
        ],
        ...[
          'nft',
          'openssl',
          'ping',
          'ps',
          'psql',
          'redis-cli',
          'sort',
          'ssh',
          'sudo',
          'systemctl',
          'tail',
          'timedatectl',
        ],
        ...['top', 'select', 'samaconso-task', 'samaconso-backup', 'samaconso-restore-test'],
      ].map(String),
    )
    const bare = (text: string) => text.replace(/"[^"]*"|'[^']*'/g, 'x')
    const first = commands.flatMap(({ page, text }) =>
      bare(text)
        .split(/\|\||\||;(?=\s)/)
        .map(part => [page, part.trim().split(/\s/)[0] ?? '']),
    )
    expectKnown(first, programs, 80)
  })

  it('name containers of the compose files', () => {
    const composed =
      textOf('deploy/ansible/roles/*/templates/{docker-compose*,common}.j2') +
      textOf('deploy/ansible/roles/settings/defaults/main.yml') +
      textOf('deploy/ansible/inventory/example/**/*.yml')
    const named = all(
      /\b(samaconso_(?:api|worker|scheduler|rabbitmq|redis|monitor|prometheus|alertmanager)(?:_\d)?)\b(?! \()/g,
    )
    const known = new Set(['samaconso_api', 'samaconso_worker', 'samaconso_scheduler'])
    for (const [, name = ''] of named)
      if (composed.includes(name.startsWith('samaconso_api') ? 'samaconso_api_' : name)) known.add(name)
    expectKnown(named, known, 20)
  })

  it('name units that the servers have', () => {
    const units = new Set([
      // Of Debian's packages, which the roles install.
      ...['postgresql', 'pgbouncer', 'chrony', 'systemd-timesyncd', 'prometheus-node-exporter'],
      ...globSync('deploy/ansible/roles/*/templates/*.service.j2', { cwd: root }).map(
        path => `samaconso-${path.replace(/.*\/|\.service\.j2/g, '')}`,
      ),
    ])
    expectKnown(all(/systemctl (?:status|restart) ([\w-]+)/g), units, 6)
    expectKnown(all(/journalctl -u ([\w-]+)/g), units, 1)
  })

  it('ask the monitor and the API what they answer', () => {
    const paths = new Set(Object.keys(JSON.parse(read('openapi-monitor.json')).paths))
    expectKnown(all(/:5555(\/[\w/]+)/g), paths, 5)
    const health = all(/:8001(\/\w+)/g)
    expectKnown(health, new Set(['/health']), 2)
    const told = textOf('docs/runbooks/*.md')
    for (const one of ['pool/grow', 'queue/add-consumer']) {
      expect(told).toContain(one)
      expect([...paths].some(path => path.endsWith(one))).toBe(true)
    }
  })

  it('look in logs for events that the product writes', () => {
    const events = all(/grep (?:-E )?'?([a-z]+_[a-z_|]+)/g).flatMap(([page = '', names = '']) =>
      names.split('|').map(name => [page, name]),
    )
    const source = textOf('src/**/*.ts')
    expectKnown(
      events,
      new Set(events.map(([, name = '']) => name).filter(name => source.includes(`'${name}'`))),
      10,
    )
  })

  it('are scripts and folders that deploy/ makes', () => {
    const scripts = all(/(?:\/usr\/local\/sbin\/|^|\s)(samaconso-(?:task|backup|restore-test))\b(?!-)/g)
    expectKnown(
      scripts,
      new Set(globSync('deploy/bin/*', { cwd: root }).map(path => path.replace(/.*\//, ''))),
      4,
    )
    for (const [, script = ''] of all(/\/scripts\/(install_serveur\d\.sh)/g))
      expect([script, existsSync(join(root, 'deploy/scripts', script))]).toEqual([script, true])
    const roles = textOf('deploy/ansible/roles/**/*.{j2,yml}')
    const folders = all(
      /(\/var\/(?:lib|log|backups)\/(?:samaconso(?:\/status|\/redis)?|postgresql|pgbackrest))/g,
    )
    expectKnown(
      folders,
      new Set(
        folders
          .map(([, path = '']) => path)
          .filter(path => roles.includes(path) || path === '/var/log/postgresql'),
      ),
      8,
    )
  })

  it('ask Redis as somebody who may', () => {
    const [, ...users] = [
      ...read('deploy/ansible/roles/redis/templates/users.acl.j2').matchAll(/^user (\w+) .*$/gm),
    ]
    const rights = new Map(users.map(([line, name = '']) => [name, line]))
    const asked = all(/redis-cli --user (\w+) --askpass (?:--)?(\w+)/g)
    expect(asked.length).toBeGreaterThan(2)
    for (const [page, user = '', command = ''] of asked) {
      const may = rights.get(user) ?? ''
      const needs = command === 'bigkeys' ? '+@all' : `+${command}`
      expect([page, user, may.includes(needs)]).toEqual([page, user, true])
    }
    // Without a user: to ask whether it lives.
    for (const { page, text } of commands.filter(one => /redis-cli(?! --user)/.test(one.text)))
      expect([page, text]).toEqual([page, 'redis-cli -h SERVER3 ping'])
  })

  it('are statements that PostgreSQL takes', async () => {
    const asked = all(/-c "([^"]+)"/g).map(([page = '', sql = '']) => [page, sql])
    const inline = commands.filter(({ text }) => /^select /i.test(text)).map(({ page, text }) => [page, text])
    expect(asked.length + inline.length).toBeGreaterThan(9)
    for (const [page, sql = ''] of [...asked, ...inline]) {
      const statement = sql.replace(/;\s*$/, '').replace('(PID)', '(1)')
      const plan = await clone.db.query(`explain ${statement}`).then(
        rows => rows.length,
        (error: Error) => `${page}: ${error.message}`,
      )
      expect(plan).toEqual(expect.any(Number))
    }
  })
})

describe('words of the procedures', () => {
  it('name dashboards, alerts and chapters that exist', async () => {
    const titles = new Set(PAGES.map(({ title }) => title))
    const panels = new Set(PAGES.flatMap(page => page.panels.map(({ title }) => title)))
    const known = new Set((await alerts()).map(({ name }) => name))
    const chapters = textOf('docs/production/*.md')
    for (const path of pages) {
      const text = read(path)
      for (const [, title = ''] of text.matchAll(/Grafana, « ([^»]+) »/g))
        expect([path, titles.has(title)]).toEqual([path, true])
      for (const [, title = ''] of text.matchAll(/panneau « ([^»]+) »/g))
        expect([path, panels.has(title)]).toEqual([path, true])
      for (const [, chapter = ''] of text.matchAll(/guide de production, « ([^»]+) »/g))
        expect([path, new RegExp(`^#+ .*${chapter}`, 'm').test(chapters)]).toEqual([path, true])
      for (const [, names = ''] of text.matchAll(/[Vv]oir ((?:[A-Z][a-z]+[A-Z]\w+(?:, | et )?)+)/g))
        for (const name of names.split(/, | et /))
          expect([path, name, known.has(name)]).toEqual([path, name, true])
    }
  })
})
