import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { loadConfig, SETTINGS } from '../src/config.ts'
import { plan } from './stack/plan.ts'

// No container can be run where these tests run: what is read is checked against what it speaks of.
const root = fileURLToPath(new URL('..', import.meta.url))
const text = (file: string) => readFileSync(join(root, file), 'utf8')

describe.each(['Dockerfile', 'deploy/compose/pgbouncer.Dockerfile'])('%s', name => {
  // A step that goes on over several lines is one.
  const steps = text(name)
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter(line => /^[A-Z]+ /.test(line))

  it('copies only what is there and what .dockerignore lets through', () => {
    const through = text('.dockerignore')
      .split('\n')
      .filter(line => line.startsWith('!'))
      .map(line => line.slice(1))
    const sources = steps
      .filter(step => step.startsWith('COPY ') && !step.includes('--from='))
      .flatMap(step => step.split(/\s+/).slice(1, -1))
    expect(sources.length).toBeGreaterThan(0)
    for (const source of sources) {
      const path = source.replace(/^\.\//, '')
      expect([path, existsSync(join(root, path))]).toEqual([path, true])
      expect(through).toContain(path)
    }
  })

  it('runs as somebody who may change nothing of it, says whether it works, and holds no secret', () => {
    const users = steps.filter(step => step.startsWith('USER ')).map(step => step.slice(5))
    expect(['node', 'postgres']).toContain(users.at(-1))
    expect(steps.some(step => step.startsWith('HEALTHCHECK '))).toBe(true)
    expect(steps.filter(step => /^(ARG|ENV) .*(PASSWORD|SECRET|KEY|TOKEN|PEPPER)/.test(step))).toEqual([])
    // By its name and not by a moving one; or by what was given.
    for (const step of steps.filter(one => one.startsWith('FROM '))) expect(step).not.toContain(':latest')
  })
})

describe('the image', () => {
  const dockerfile = text('Dockerfile')

  it('starts scripts that are there, asks for health where the API answers, and is of this version', () => {
    const entries = [...dockerfile.matchAll(/^ENTRYPOINT (\[.*\])$/gm)].map(([, command]): string[] =>
      JSON.parse(String(command)),
    )
    const flags: string[] = JSON.parse(text('bin/node-flags.json'))
    expect(entries).toEqual([
      ['node', ...flags, 'src/main.ts'],
      ['node', 'deploy/compose/simulators.ts'],
    ])
    for (const script of entries.map(command => String(command.at(-1))))
      expect(existsSync(join(root, script))).toBe(true)
    expect(dockerfile).toContain('/health/live')
    expect(text('src/http/health.ts')).toContain("'/health/live'")
    expect(dockerfile).toContain(`ARG VERSION=${JSON.parse(text('package.json')).version}`)
  })

  it('holds no test, and what it leaves out is not needed to run', () => {
    expect(text('.dockerignore')).toContain('**/*.test.ts')
    const imports = globSync('src/**/*.ts', { cwd: root })
      .filter(file => !/\.(test|contract)\.ts$/.test(file))
      .filter(file => /from '[^']*\.(test|contract)\.ts'|from '[^']*\/(test|bench)\//.test(text(file)))
    expect(imports).toEqual([])
  })
})

describe('compose.yaml', () => {
  const compose = text('compose.yaml')
  /** The blocks below a key of the first column, by their names. */
  const blocks = (key: string): Record<string, string> => {
    const section = compose.split(new RegExp(`^${key}:\\n`, 'm'))[1]?.split(/^\S/m)[0] ?? ''
    const parts = section.split(/^ {2}(\w+):/m).slice(1)
    return Object.fromEntries(parts.flatMap((part, i) => (i % 2 ? [] : [[part, parts[i + 1] ?? '']])))
  }
  const services = blocks('services')

  it('starts the product’s processes with the very commands of the stack', () => {
    const ports = { api1: 1, api2: 2, monitor: 3 }
    for (const { name, command } of plan({ ports, env: {} }).flat()) {
      const [, list = ''] = /command: \[(.*)\]/.exec(services[name] ?? '') ?? []
      const words = list.match(/'[^']*'|[^,\s]+/g)?.map(word => word.replaceAll("'", ''))
      expect([name, words]).toEqual([name, command.slice(1)])
    }
  })

  it('bounds every service, and opens ports on this machine alone', () => {
    expect(Object.keys(services)).toHaveLength(14)
    for (const [name, block] of Object.entries(services)) {
      const [, base] = /<<: \*(process|product)\n/.exec(block) ?? []
      expect([name, base]).toEqual([name, expect.stringMatching(/process|product/)])
      if (base === 'process') expect(block).toMatch(/mem_limit:[\s\S]*cpus:[\s\S]*pids_limit:/)
      // The others have the check of their image.
      if (/image: (?!samaconso)/.test(block)) expect(block).toContain('healthcheck:')
    }
    for (const [, port] of compose.matchAll(/'([\d.:]+:\d+)'/g)) expect(port).toMatch(/^127\.0\.0\.1:/)
    for (const setting of [
      'read_only: true',
      'cap_drop: [ALL]',
      'no-new-privileges:true',
      'restart: unless-stopped',
    ]) {
      expect(compose).toContain(setting)
    }
    expect(compose).not.toMatch(/:latest|privileged: true|docker\.sock/)
    // Read as a map instead of a text: only the sources of secrets are meant so.
    expect([...compose.matchAll(/^ +- (?!source: )[^'"\n]*: .*$/gm)].map(([line]) => line)).toEqual([])
  })

  it('gives settings that there are, secrets only as files, and names stages that there are', () => {
    const known = new Set(Object.values(SETTINGS).map(({ env }) => env))
    const [environment = ''] = /^x-environment:[\s\S]*?^\n/m.exec(compose) ?? []
    const given = [...environment.matchAll(/^ {2}([A-Z0-9_]+): (.*)$/gm)]
    expect(given.length).toBeGreaterThan(15)
    for (const [, name = '', value = ''] of given) {
      expect(known).toContain(known.has(name) ? name : name.replace(/_FILE$/, ''))
      if (/PASSWORD|PEPPER|_KEY|_URL_FILE/.test(name)) expect(value).toMatch(/^\/run\/secrets\//)
    }
    for (const [, stage] of compose.matchAll(/target: (\w+) \}/g)) {
      expect(text('Dockerfile')).toMatch(new RegExp(`AS ${stage}$`, 'm'))
    }
  })

  it('takes secrets that secrets.ts makes: once, in a folder of their owner’s, strong enough for production', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'samaconso-secrets-'))
    const dir = join(folder, 'made')
    const make = () =>
      spawnSync(process.execPath, ['deploy/compose/secrets.ts'], {
        cwd: root,
        env: { ...process.env, SECRETS_DIR: dir },
        encoding: 'utf8',
      })
    const made = make()
    expect(made.status, made.stderr).toBe(0)
    const files = [...compose.matchAll(/file: \.data\/compose\/(\S+) \}/g)].map(([, file]) => String(file))
    expect((await readdir(dir)).sort()).toEqual(files.sort())
    expect((await stat(dir)).mode & 0o777).toBe(0o700)
    for (const [, name = '', block = ''] of Object.entries(services)) {
      for (const [, source] of block.matchAll(/source: (\w+)/g))
        expect([name, blocks('secrets')]).toHaveProperty(['1', String(source)])
    }
    const before = await readFile(join(dir, 'pepper'), 'utf8')
    expect(make().stdout).toContain('already')
    expect(await readFile(join(dir, 'pepper'), 'utf8')).toBe(before)
    expect(made.stdout).not.toContain(before.trim())

    const [environment = ''] = /^x-environment:[\s\S]*?^\n/m.exec(compose) ?? []
    const env = Object.fromEntries(
      [...environment.matchAll(/^ {2}([A-Z0-9_]+): (.*)$/gm)].map(([, name = '', value = '']) => [
        name,
        value.replace('/run/secrets', dir).replaceAll("'", ''),
      ]),
    )
    expect(loadConfig(env).databaseUrl).toContain('@pgbouncer:6432/samaconso')
    await rm(folder, { recursive: true })
  })

  it('is what docker-compose understands, where there is one', () => {
    const { status, stderr, error } = spawnSync('docker-compose', ['-f', 'compose.yaml', 'config', '-q'], {
      cwd: root,
      encoding: 'utf8',
      timeout: 20_000,
    })
    if (error) expect((error as NodeJS.ErrnoException).code).toBe('ENOENT')
    else expect([status, stderr]).toEqual([0, ''])
  })
})
