import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const SCRIPT = 'deploy/bin/health_check_complet.sh'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samaconso-check-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** As on a machine without the program, with the settings in its file. */
async function check(settings: Record<string, string>, ...args: string[]) {
  const conf = join(folder, 'health_check.conf')
  await writeFile(
    conf,
    Object.entries(settings)
      .map(([name, value]) => `${name}="${value}"\n`)
      .join(''),
  )
  return promisify(execFile)('bash', [SCRIPT, '--sans-programme', ...args], {
    env: { PATH: process.env.PATH, HEALTH_CHECK_CONF: conf, HOME: folder },
  }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
  )
}

describe('the complete health check where there is no program', () => {
  it('is clean for shellcheck', async () => {
    // Missing: apt-get install shellcheck
    await promisify(execFile)('shellcheck', [SCRIPT])
  })

  it('names everything that is dead, with what to do, in seconds and with code 2', async () => {
    const startedAt = Date.now()
    const servers = { SERVER1: '127.0.0.1', SERVER2: '127.0.0.1', SERVER3: '127.0.0.1' }
    // Ports of nobody: what runs on this machine must not answer for them.
    const { code, stdout } = await check({
      ...servers,
      API_PORTS: '26 27',
      MONITOR_PORT: '28',
      CHECK: '127.0.0.1:26',
    })
    expect(Date.now() - startedAt).toBeLessThan(10_000)
    expect(code).toBe(2)
    for (const line of [/✗ api 1 +ne répond pas sur 26/, /✗ api 2/, /✗ monitor/, /✗ 127.0.0.1:26/]) {
      expect(stdout).toMatch(line)
    }
    expect(stdout).toContain('→ Sur le serveur 2 : docker logs -f --tail 100 samaconso_api_1')
  })

  it('tells an API that runs from one that does without something, and from one that drains', async () => {
    let body = '{"status":"running","services":{"database":"ok"}}'
    const server = createServer((_request, response) => response.end(body))
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
    const settings = {
      SERVER2: '127.0.0.1',
      API_PORTS: String((server.address() as { port: number }).port),
    }
    try {
      expect((await check(settings)).stdout).toMatch(/✓ api 1 +tourne\n/)
      body = '{"status":"running","degraded":true,"services":{"database":"ok","cache":"down","sic":"down"}}'
      expect((await check(settings)).stdout).toMatch(/! api 1 +tourne, sans : cache sic/)
      body = '{"status":"draining","services":{}}'
      expect((await check(settings)).stdout).toMatch(/✗ api 1 +ne sert pas/)
    } finally {
      server.closeAllConnections()
      await new Promise(done => server.close(done))
    }
  })

  it('judges the backup by what it wrote, and speaks JSON and English', async () => {
    const file = join(folder, 'backup.json')
    const status = (hours: number, ok: boolean) =>
      writeFile(file, JSON.stringify({ finishedAt: new Date(Date.now() - hours * 3_600_000), ok, bytes: 1 }))
    const backup = async () => {
      const { stdout } = await check({ BACKUP_STATUS_FILE: file }, '--json', '--lang', 'en')
      const checks = JSON.parse(stdout).checks as { component: string; state: string; what: string }[]
      return checks.find(({ component }) => component === 'backup')
    }
    expect(await backup()).toMatchObject({ state: 'fault' })
    await status(3, true)
    expect(await backup()).toMatchObject({ state: 'ok', what: 'backup of 3 h ago' })
    await status(30, true)
    expect(await backup()).toMatchObject({ state: 'warning' })
    await status(3, false)
    expect(await backup()).toMatchObject({ state: 'fault' })
  })

  it('runs nothing that its settings contain', async () => {
    const trace = join(folder, 'trace')
    await check({ SERVER2: `$(touch ${trace})`, CHECK: `$(touch ${trace}):1` })
    await expect(promisify(execFile)('test', ['-e', trace])).rejects.toThrow()
  })
})
