import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Rendered {
  /** Below it: server1, server2, server3, balancer1, f5. */
  folder: string
  /** Text of a machine's file. */
  read(machine: string, path: string): string
  remove(): void
}

/** Runs a command to its end; what it printed is part of the answer, and of the error when it does not end in time. */
export function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; seconds?: number } = {},
) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: options.cwd ?? root,
    encoding: 'utf8',
    timeout: (options.seconds ?? 60) * 1_000,
    env: { ...process.env, ANSIBLE_LOG_PATH: '/dev/null', ANSIBLE_NOCOLOR: '1', LC_ALL: 'C.UTF-8' },
  })
  if (error) throw error
  return { code: status, output: stdout + stderr }
}

/** As Firebase gives it: JSON, with line ends in a text. */
export const SERVICE_ACCOUNT = { type: 'service_account', text: 'two\nlines', isJson: true }

/** Every machine's files, from the example inventory with secrets made for the occasion. */
export function render(): Rendered {
  const folder = mkdtempSync(join(tmpdir(), 'samaconso-deploy-'))
  // PostgreSQL's own user must get through it.
  chmodSync(folder, 0o755)
  const inventory = join(folder, 'inventory')
  cpSync(join(root, 'deploy/ansible/inventory/example'), inventory, { recursive: true })
  const made = run(join(root, 'deploy/make-secrets'), [inventory])
  if (made.code !== 0) throw new Error(made.output)
  const vault = join(inventory, 'group_vars/all/vault.yml')
  const given = readFileSync(vault, 'utf8').replace(
    "fcm_service_account: ''",
    `fcm_service_account: '${JSON.stringify(SERVICE_ACCOUNT)}'`,
  )
  writeFileSync(vault, given)
  const { code, output } = run(
    'ansible-playbook',
    ['-i', inventory, 'render.yml', '-e', `render_root=${folder}`],
    {
      cwd: join(root, 'deploy/ansible'),
      seconds: 240,
    },
  )
  if (code !== 0) throw new Error(output.slice(-4_000))
  return {
    folder,
    read: (machine, path) => readFileSync(join(folder, machine, path), 'utf8'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
