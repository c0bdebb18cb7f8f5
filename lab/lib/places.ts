/** The machines of the example inventory, and who is around them; each a network namespace of this name. */
export type Place = 'outside' | 'admin' | Machine
/** Those that deploy/ configures. */
export type Machine = 'balancer1' | 'server1' | 'server2' | 'server3'

export const MACHINES: readonly Machine[] = ['balancer1', 'server1', 'server2', 'server3']

/** Where customers arrive. */
export const VIP = '192.0.2.10'

/** Outside systems by their addresses of the example inventory, with the port that the product asks. */
export const OUTSIDE = {
  proxy: { address: '192.0.2.131', port: 3128 },
  sic: { address: '192.0.2.141', port: 1433 },
  postpaid: { address: '192.0.2.142', port: 1433 },
  sms: { address: '192.0.2.145', port: 443 },
} as const

/** Every address is of RFC 5737; the first of a place is where it speaks from. */
export const ADDRESSES: Record<Place, readonly [string, ...string[]]> = {
  outside: ['192.0.2.200', ...Object.values(OUTSIDE).map(({ address }) => address), '192.0.2.146'],
  balancer1: ['192.0.2.9', VIP],
  server1: ['192.0.2.11'],
  server2: ['192.0.2.12'],
  server3: ['192.0.2.13'],
  admin: ['192.0.2.241'],
}

export const PLACES = Object.keys(ADDRESSES) as Place[]
