import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Laboratory } from '../../lib/laboratory.ts'
import type { Load } from '../../lib/load.ts'
import { mailboxFile } from '../../lib/mailbox.ts'
import { mailsIn, type Told, toldIn } from '../../lib/mails.ts'
import { inPlace } from '../../lib/network.ts'
import type { Place } from '../../lib/places.ts'
import { run } from '../../lib/run.ts'

/** What a case needs to cause its fault and to end it. */
export interface Drilling {
  lab: Laboratory
  load: Load
  secrets: Record<string, string>
  /** Starts something that goes on until it is stopped, with all that it starts. */
  goOn(place: Place, script: string, env?: Record<string, string>): () => void
  /** What was told of an alert since a moment. */
  told(alert: string, since: number): Promise<Told[]>
  /** Calls the API as the administrator of the laboratory. */
  call(method: string, path: string, body?: object): Promise<string>
}

/** A fault, and the alerts that it makes fire. */
export interface Case {
  alerts: readonly string[]
  /** How it is caused, in a line of the page. */
  what: string
  cause(d: Drilling): Promise<void>
  cure(d: Drilling): Promise<void>
  /** Caused before the others and waited for after them. */
  isSlow?: boolean
  /** How long the first mail may take, ms. */
  withinMs?: number
}

export async function openDrilling(lab: Laboratory, load: Load): Promise<Drilling> {
  const vault = JSON.parse(await readFile(join(lab.folder, 'inventory/group_vars/all/vault.yml'), 'utf8'))
  const curl = [
    ...[...inPlace('outside'), 'curl', '-sS', '--fail-with-body', '--max-time', '30'],
    ...['--cacert', lab.authorityFile, '-H', 'content-type: application/json'],
  ]
  const call = async (method: string, path: string, body?: object, token?: string) =>
    run([
      ...curl,
      ...['-X', method, '-H', `idempotency-key: drill-${Date.now()}`],
      ...(token ? ['-H', `authorization: Bearer ${token}`] : []),
      ...(body ? ['-d', JSON.stringify(body)] : []),
      `https://192.0.2.10${path}`,
    ])
  return {
    lab,
    load,
    secrets: vault.vault_secrets,
    goOn(place, script, env = {}) {
      const [program = '', ...args] = [...inPlace(place), 'bash', '-c', script]
      const child = spawn(program, args, {
        detached: true,
        stdio: 'ignore',
        cwd: '/',
        env: { ...process.env, ...env },
      })
      return () => {
        try {
          process.kill(-(child.pid as number), 'SIGKILL')
        } catch {
          // It ended by itself.
        }
      }
    },
    async told(alert, since) {
      const mails = await mailsIn(mailboxFile(lab.folder))
      return mails.flatMap(toldIn).filter(one => one.alert === alert && one.at >= since)
    },
    async call(method, path, body) {
      const { accessToken } = JSON.parse(
        await call('POST', '/v1/auth/token', { grant: 'password', ...lab.admin }),
      )
      return call(method, path, body, accessToken)
    },
  }
}
