import { describe, expect, it } from 'vitest'
import { StartError } from '../../src/roles/say.ts'
import { type Machine, needServers, type ServerName } from './packages.ts'

/** A machine with these servers, that notes what is run on it; installing works when it is Debian's own. */
function machine(has: ServerName[], over: Partial<Machine> = {}) {
  const commands: string[] = []
  const there = new Set<ServerName>(has)
  const here: Machine = {
    env: {},
    uid: 0,
    hasApt: true,
    isThere: async name => there.has(name),
    async run(command) {
      commands.push(command.join(' '))
      if (command.includes('redis-server')) there.add('redis')
      return true
    },
    write: () => undefined,
    ...over,
  }
  return { here, commands }
}

const refusal = (names: ServerName[], on: Machine) =>
  needServers(names, on).then(
    () => null,
    (error: Error) => (error instanceof StartError ? error.message : error),
  )

describe('the servers that tests need', () => {
  it('that are there need nothing', async () => {
    const { here, commands } = machine(['postgres', 'pgbouncer'], { env: { CI: 'true' } })
    await needServers(['postgres', 'pgbouncer'], here)
    expect(commands).toEqual([])
  })

  it('that are missing are told with the very command, and nothing is installed unasked', async () => {
    const { here, commands } = machine(['postgres'], { uid: 1000 })
    const said = await refusal(['postgres', 'pgbouncer', 'redis'], here)
    expect(said).toContain('PgBouncer, Redis')
    expect(said).toContain('sudo apt-get install -y --no-install-recommends pgbouncer redis-server')
    expect(said).not.toContain('postgresql')
    expect(String(said).split('\n')).toHaveLength(1)
    expect(commands).toEqual([])
  })

  it.each([{ CI: 'true' }, { SAMACONSO_INSTALL: '1' }])('are installed where %o says so', async env => {
    const { here, commands } = machine(['postgres'], { env })
    await needServers(['postgres', 'redis'], here)
    expect(commands).toEqual([
      expect.stringMatching(/apt-get .*DPkg::Lock::Timeout=300 update$/),
      expect.stringMatching(/DEBIAN_FRONTEND=noninteractive apt-get .* install -y .* redis-server$/),
    ])
  })

  it('whose installation fails, or brings no such program, are told', async () => {
    const fails = machine([], { env: { CI: 'true' }, run: async () => false })
    expect(await refusal(['redis'], fails.here)).toContain('apt-get install')
    const brings = machine([], { env: { CI: 'true' } })
    expect(await refusal(['pgbouncer'], brings.here)).toContain('apt-get install')
  })

  it('are not installed by an ordinary user, nor where there is no apt: the words say what helps', async () => {
    const ordinary = machine([], { env: { CI: 'true' }, uid: 1000 })
    expect(await refusal(['redis'], ordinary.here)).toContain('sudo apt-get')
    const elsewhere = machine([], { hasApt: false })
    expect(await refusal(['redis', 'rabbitmq'], elsewhere.here)).toContain(
      'TEST_REDIS_URL, TEST_RABBITMQ_URL',
    )
    expect([...ordinary.commands, ...elsewhere.commands]).toEqual([])
  })

  it('whose address is given are not needed; half of what a database takes is not enough', async () => {
    const { here } = machine([])
    const given = { TEST_REDIS_URL: 'redis://x', TEST_DATABASE_URL: 'postgres://x' }
    const both = { ...given, TEST_DATABASE_ADMIN_URL: 'postgres://y' }
    await needServers(['postgres', 'pgbouncer', 'redis'], { ...here, env: both })
    expect(await refusal(['postgres', 'redis'], { ...here, env: given })).toContain('PostgreSQL')
  })
})
