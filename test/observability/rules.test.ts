import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { files } from '../../deploy/observability/dashboards/generate.ts'
import { prometheusTool } from '../servers/packages.ts'
import { alerts, FOLDER, queries, texts } from './files.ts'

const run = (tool: 'promtool' | 'amtool', ...args: string[]) =>
  promisify(execFile)(prometheusTool(tool), args, { cwd: FOLDER, timeout: 120_000 })
const paths = async (folder: string) =>
  [...(await texts(folder, '.yml')).keys()].map(name => `${folder}/${name}`)

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-rules-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** A file with its placeholders filled in, as an installation has it. */
async function filledIn(name: string): Promise<string> {
  const text = (await readFile(join(FOLDER, name), 'utf8'))
    .replaceAll('__FOLDER__', FOLDER)
    .replaceAll('__SMTP_HOST__', '192.0.2.25:25')
    .replaceAll('__SMTP_TLS__', 'false')
    .replace(/__(MAIL_FROM|MAIL_TO|WATCHER_TO)__/g, 'somebody@example.invalid')
  const settings = text.replace(/^#.*$/gm, '')
  expect(settings, 'every placeholder is told of at the top').not.toMatch(/__[A-Z_]+__/)
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}

describe('alerts', () => {
  it('every rule is one that Prometheus takes, and each fires and keeps quiet as its tests say', async () => {
    await run('promtool', 'check', 'rules', ...(await paths('rules')))
    await run('promtool', 'test', 'rules', ...(await paths('tests')))
  }, 120_000)

  it('each has a test in which it fires, a severity, French words and a page of its own', async () => {
    const rules = await texts('rules', '.yml')
    const tests = await texts('tests', '.yml')
    const all = await alerts()
    expect(all.length).toBeGreaterThan(40)
    for (const { name, group } of all) {
      const rule = rules.get(`${group}.yml`)?.split(`- alert: ${name}\n`)[1]?.split('- alert:')[0] ?? ''
      expect(rule, name).toMatch(/severity: (critical|major|minor|watch)/)
      expect(rule, name).toMatch(/summary: .+\n\s+description: .+/)
      expect(rule, name).toContain(`runbook_url: docs/runbooks/${name}.md`)
      const fires = new RegExp(`alertname: ${name}\\n\\s+exp_alerts:\\n\\s+- exp_labels`)
      expect(tests.get(`${group}.yml`), `${name} fires in no test`).toMatch(fires)
      const page = await readFile(join(FOLDER, '../../docs/runbooks', `${name}.md`), 'utf8')
      for (const part of ['## Regarder', '## Réparer']) expect(page, name).toContain(part)
    }
  })
})

describe('configuration', () => {
  it('Alertmanager takes its own once the placeholders are filled in', async () => {
    const { stdout } = await run('amtool', 'check-config', await filledIn('alertmanager.yml'))
    expect(stdout).toContain('SUCCESS')
  })

  it('alerts go to whoever must act, the dead man’s switch to who misses it', async () => {
    const config = await filledIn('alertmanager.yml')
    const to = async (...labels: string[]) =>
      (await run('amtool', 'config', 'routes', 'test', `--config.file=${config}`, ...labels)).stdout.trim()
    expect(await to('alertname=ApiDown', 'severity=major')).toBe('operations')
    expect(await to('alertname=AllApiDown', 'severity=critical')).toBe('operations')
    expect(await to('alertname=DeadMansSwitch', 'severity=watch')).toBe('watcher')
  })

  it('only alerts that exist are inhibited or inhibit', async () => {
    const known = (await alerts()).map(({ name }) => name)
    const text = await readFile(join(FOLDER, 'alertmanager.yml'), 'utf8')
    const named = [...text.matchAll(/alertname=~?"([^"]+)"/g)].flatMap(([, names]) =>
      (names as string).split('|'),
    )
    expect(named.length).toBeGreaterThan(20)
    for (const name of named) {
      expect(
        known.some(one => new RegExp(`^(?:${name})$`).test(one)),
        name,
      ).toBe(true)
    }
  })
})

describe('dashboards', () => {
  it('are what their program writes', async () => {
    for (const { name, text } of files()) {
      const kept = await readFile(join(FOLDER, 'dashboards', name), 'utf8').catch(() => '')
      expect(kept === text, `${name}: node deploy/observability/dashboards/generate.ts`).toBe(true)
    }
    expect((await texts('dashboards', '.json')).size).toBe(files().length)
  })

  it('keep the six titles that people know', () => {
    const titles = files().map(({ text }) => JSON.parse(text).title)
    expect(titles).toEqual(
      expect.arrayContaining([
        'Vue d’ensemble système',
        'PostgreSQL',
        'Redis',
        'RabbitMQ',
        'Workers',
        'Performance API',
      ]),
    )
    expect(new Set(titles).size).toBe(titles.length)
  })

  it('ask only what Prometheus understands', async () => {
    const path = join(folder, 'queries.yml')
    const rules = queries().map(
      ({ expr }, i) => `      - { record: 'query_${i}', expr: '${expr.replaceAll("'", "''")}' }`,
    )
    expect(rules.length).toBeGreaterThan(60)
    await writeFile(path, `groups:\n  - name: queries\n    rules:\n${rules.join('\n')}\n`)
    await run('promtool', 'check', 'rules', path)
  })
})
