import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

// Every command of the production guide names things that there are. What needs Docker or three machines is not run here.
const root = fileURLToPath(new URL('../..', import.meta.url))
const text = (path: string) => readFileSync(join(root, path), 'utf8')

const pages = globSync('docs/production/*.md', { cwd: root })
const guide = pages.map(text).join('\n')
const blocks = [...guide.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) =>
  block.trim().split('\n'),
)
const inline = [...guide.replace(/```[\s\S]*?```/g, '').matchAll(/`([^`\n]+)`/g)].map(([, code]) =>
  String(code),
)
const commands = [...blocks, ...inline]

/** By their names in system.md; the templates must make them. */
const CONTAINERS = [
  ...['samaconso_api_1', 'samaconso_api_2', 'samaconso_rabbitmq', 'samaconso_scheduler_1'],
  ...[
    'samaconso_worker_1',
    'samaconso_worker_2',
    'samaconso_scheduler_2',
    'samaconso_redis',
    'samaconso_monitor',
  ],
]

describe('the commands of the production guide', () => {
  it('are many', () => expect(blocks.length).toBeGreaterThan(60))

  it('name containers that the compose files make', () => {
    const named = new Set(guide.match(/\bsamaconso_[a-z]+_\d\b|\bsamaconso_(?:rabbitmq|redis|monitor)\b/g))
    expect([...named].filter(name => !CONTAINERS.includes(name))).toEqual([])
    const templates = globSync(
      'deploy/ansible/roles/{application/templates/*.yml.j2,settings/defaults/main.yml}',
      { cwd: root },
    )
    const made = templates.map(text).join('\n') + text('deploy/ansible/inventory/example/hosts.yml')
    for (const name of CONTAINERS) expect(made).toContain(name.replace(/(api)_\d$/, '$1_'))
  })

  it('name scripts, folders and playbooks of this repository', () => {
    for (const [, path = ''] of guide.matchAll(/(?<![\w/])(deploy\/[\w./-]+)/g)) {
      const clean = path.replace(/inventory\/production.*$/, 'inventory/example').replace(/[.,]$/, '')
      expect([path, existsSync(join(root, clean))]).toEqual([path, true])
    }
    for (const [, script] of guide.matchAll(/\/scripts\/(\w+\.sh)/g)) {
      expect(existsSync(join(root, 'deploy/scripts', String(script)))).toBe(true)
    }
    const playbooks = commands.flatMap(line => line.match(/^ansible-playbook .*?(\w+\.yml)/)?.[1] ?? [])
    expect(playbooks.length).toBeGreaterThan(7)
    for (const playbook of playbooks) expect(existsSync(join(root, 'deploy/ansible', playbook))).toBe(true)
    const files = new Set(commands.flatMap(line => line.match(/docker-compose\.\w+\.yml/g) ?? []))
    for (const file of files) {
      expect(globSync(`deploy/ansible/roles/*/templates/${file}.j2`, { cwd: root })).toHaveLength(1)
    }
  })

  it('name tags that the playbooks have', () => {
    const [, list = ''] = /Une partie seulement : `--tags (.*?)\. Relancer/s.exec(guide) ?? []
    const tags = list.match(/[a-z0-9]+/g) ?? []
    const known = globSync('deploy/ansible/**/*.yml', { cwd: root }).map(text).join('\n')
    expect(tags).toHaveLength(14)
    for (const tag of tags) expect(known).toMatch(new RegExp(`tags: \\[${tag}\\]`))
  })

  it('give our scripts words that they understand', () => {
    const uses = commands.flatMap(line => [...line.matchAll(/\b(samaconso-(?:[a-z]+-?)+) ([a-z]+)\b/g)])
    expect(uses.length).toBeGreaterThan(8)
    for (const [, script = '', word = ''] of uses) {
      expect([script, existsSync(join(root, 'deploy/bin', script))]).toEqual([script, true])
      expect([script, text(`deploy/bin/${script}`).includes(word)]).toEqual([script, true])
    }
    const rolling = commands.filter(line => /^deploy\/(rollout|rollback|maintenance) /.test(line))
    expect(rolling.length).toBeGreaterThan(8)
    for (const line of rolling) {
      const script = text(line.split(' ')[0] as string)
      for (const option of line.match(/--[a-z-]+/g) ?? []) {
        expect([line, script.includes(option.slice(2))]).toEqual([line, true])
      }
    }
  })

  it('keep what people type, letter by letter', () => {
    for (const typed of [
      'bash /scripts/install_serveur1.sh',
      'bash /usr/local/bin/health_check_complet.sh',
      'curl http://SERVER2:8001/health',
      'psql -h SERVER1 -p 6432 -U samaconso_user -d samaconso -c "SELECT 1;"',
      'redis-cli -h SERVER3 ping',
      'curl http://SERVER3:5555 --user',
      'pg_dump -h SERVER1 -p 6432 -U samaconso_user -F c',
      'docker logs -f --tail 100 samaconso_api_1',
      'docker restart samaconso_worker_1',
      'docker system prune -af',
      'find /var/log -name "*.gz" -mtime +7 -delete',
      'journalctl -u docker',
    ]) {
      expect(commands.some(line => line.startsWith(typed))).toBe(true)
    }
  })

  it('lead to headings that there are', () => {
    const third = text('docs/production/GUIDE_MISE_EN_PRODUCTION_PARTIE3.md')
    const anchors = [...third.matchAll(/^## (.*)$/gm)].map(([, title]) =>
      String(title).toLowerCase().replaceAll(' ', '-'),
    )
    expect(anchors).toEqual(expect.arrayContaining(['troubleshooting', 'checklist-de-mise-en-production']))
  })
})
