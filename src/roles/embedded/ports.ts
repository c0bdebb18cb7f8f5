import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { StartError } from '../say.ts'

type PortName = 'PORT' | 'MONITOR_PORT' | 'SIMULATOR_PORT'

const DEFAULTS: Record<PortName, number> = { PORT: 8001, MONITOR_PORT: 5555, SIMULATOR_PORT: 9900 }

/** The ports of the demo as the environment moves them, each free at this moment. */
export async function demoPorts(env: Record<string, string | undefined>): Promise<Record<PortName, number>> {
  const ports = Object.fromEntries(
    Object.entries(DEFAULTS).map(([name, fallback]) => [name, portOf(name, env[name], fallback)]),
  ) as Record<PortName, number>
  const names = Object.keys(ports) as PortName[]
  for (const name of names) {
    const other = names.find(one => one !== name && ports[one] === ports[name])
    if (other) {
      throw new StartError({
        fr: `${name} et ${other} donnent le même port ${ports[name]} : donnez-en deux différents.`,
        en: `${name} and ${other} give the same port ${ports[name]}: give two that differ.`,
      })
    }
  }
  await Promise.all(names.map(name => refuseTaken(name, ports[name])))
  return ports
}

function portOf(name: string, text: string | undefined, fallback: number): number {
  if (!text) return fallback
  const port = Number(text)
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port
  throw new StartError({
    fr: `${name}=${text} n’est pas un port : donnez un nombre de 1 à 65535.`,
    en: `${name}=${text} is no port: give a number from 1 to 65535.`,
  })
}

async function refuseTaken(name: string, port: number): Promise<void> {
  await new Promise<void>((done, fail) => {
    const probe = createServer()
    probe.once('error', error => fail(portError(name, port, (error as NodeJS.ErrnoException).code ?? '')))
    probe.listen(port, '127.0.0.1', () => probe.close(() => done()))
  })
}

function portError(name: string, port: number, code: string): StartError {
  const other = `${name}=${port + (port < 65_000 ? 100 : -100)} npm start`
  return code === 'EADDRINUSE'
    ? new StartError({
        fr: `Le port ${port} est pris par un autre programme : arrêtez-le, ou choisissez-en un autre, par exemple « ${other} ».`,
        en: `Port ${port} is taken by another program: stop it, or choose another, for example \`${other}\`.`,
      })
    : new StartError({
        fr: `Le port ${port} ne peut pas être ouvert (${code}) : choisissez-en un autre, par exemple « ${other} ».`,
        en: `Port ${port} cannot be opened (${code}): choose another, for example \`${other}\`.`,
      })
}

const [LOWEST, HIGHEST] = [15_000, 32_000]

/**
 * A port of 127.0.0.1 that was free a moment ago. Below those that systems give to outgoing connections (from 32,768):
 * one of them would take it before the program that it is for has started.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = randomInt(LOWEST, HIGHEST)
    if (await isFree(port)) return port
  }
  throw new Error(`None of a hundred ports from ${LOWEST} to ${HIGHEST} is free: stop what holds them.`)
}

/** Whether nothing listens on the port of 127.0.0.1 at this moment. */
export const isFree = (port: number): Promise<boolean> =>
  new Promise(done => {
    const probe = createServer()
    probe.once('error', () => done(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => done(true)))
  })
