import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ADDRESSES, type Machine, OUTSIDE, PLACES, type Place } from './places.ts'
import { run } from './run.ts'

/** Where `ip netns` keeps what it names: in the laboratory's own mounts, so that nobody else sees it and nothing stays. */
const FOLDER = '/run/netns'
const PREFIX_LENGTH = 24

/** What goes before a command that runs in a place. */
export const inPlace = (place: Place): string[] => ['/usr/bin/nsenter', `--net=${FOLDER}/${place}`, '--']

/** Makes a bridge with a namespace for each place. All of it vanishes with the last process of the laboratory. */
export async function buildNetwork(): Promise<void> {
  await run(['mkdir', '-p', FOLDER])
  await run(['mount', '-t', 'tmpfs', 'tmpfs', FOLDER])
  await run(['ip', 'link', 'add', 'lab', 'type', 'bridge'])
  await run(['ip', 'link', 'set', 'lab', 'up'])
  for (const place of PLACES) {
    await run(['ip', 'netns', 'add', place])
    await run(['ip', 'link', 'add', 'eth0', 'netns', place, 'type', 'veth', 'peer', 'name', port(place)])
    await run(['ip', 'link', 'set', port(place), 'master', 'lab', 'up'])
    for (const address of ADDRESSES[place]) {
      await run(['ip', '-n', place, 'addr', 'add', `${address}/${PREFIX_LENGTH}`, 'dev', 'eth0'])
    }
    for (const device of ['lo', 'eth0']) await run(['ip', '-n', place, 'link', 'set', device, 'up'])
  }
}

/** A machine's end of the cable on the bridge. */
const port = (place: Place): string => `to-${place}`

/** Pulls a machine's cable, and puts it back. */
export const setCable = (place: Place, state: 'up' | 'down'): Promise<string> =>
  run(['ip', 'link', 'set', port(place), state])

/** Loses whatever goes between two machines, both ways; the rest of the network stays. */
export async function cutBetween(a: Machine, b: Machine): Promise<void> {
  const other = ADDRESSES[b][0]
  await load(
    a,
    `table ip cut {
  chain input { type filter hook input priority -10; ip saddr ${other} drop; }
  chain output { type filter hook output priority -10; ip daddr ${other} drop; }
}
`,
  )
}

export const mendBetween = (a: Machine): Promise<string> =>
  run([...inPlace(a), 'nft', 'delete', 'table', 'ip', 'cut'])

/** Loads a machine's firewall and kernel settings as deploy/ wrote them below `root`. */
export async function applyMachine(machine: Machine, root: string): Promise<void> {
  const settings = await readFile(join(root, 'etc/sysctl.d/60-samaconso.conf'), 'utf8')
  // A namespace has its own of these; the others are the whole machine's, and not ours to change.
  const own = settings.split('\n').filter(line => /^net\.(core\.somaxconn|ipv4\.)/.test(line))
  for (const line of own) {
    await run([...inPlace(machine), 'sysctl', '-qw', line.replace(/ *= */, '=')]).catch(() => undefined)
  }
  await run([...inPlace(machine), 'nft', '-f', join(root, 'etc/nftables.conf')])
}

/** Outside systems answer at the addresses of the inventory, wherever their simulators listen on 127.0.0.1. */
export async function forwardOutside(ports: Record<keyof typeof OUTSIDE, number>): Promise<void> {
  await run([...inPlace('outside'), 'sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1'])
  const rules = Object.entries(OUTSIDE).map(
    ([name, { address, port }]) =>
      `    ip daddr ${address} tcp dport ${port} dnat to 127.0.0.1:${ports[name as keyof typeof OUTSIDE]}`,
  )
  await load(
    'outside',
    `table ip outside {
  chain prerouting {
    type nat hook prerouting priority dstnat
${rules.join('\n')}
  }
}
`,
  )
}

const load = (place: Place, rules: string): Promise<string> =>
  run([...inPlace(place), 'sh', '-c', 'printf %s "$1" | nft -f -', 'sh', rules])
