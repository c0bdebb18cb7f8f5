/** Up to here a notification's counts are a map, beyond a byte per device: a broadcast to a million costs a megabyte. */
const LARGEST_MAP = 10_000
const MOST = 255

type PerDevice = Map<number, number> | Uint8Array<ArrayBuffer>

export interface Counts {
  /** Counts one more of this notification on this device; the count before, which stops at 255. */
  add(device: number, notification: number): number
  get(device: number, notification: number): number
  forget(notification: number): void
  clear(): void
}

/** How often each notification reached each device; both are small numbers, given from 0 on. */
export function createCounts(): Counts {
  const byNotification = new Map<number, PerDevice>()

  return {
    add: (device, notification) => {
      const counts = spaceFor(byNotification.get(notification) ?? new Map(), device)
      byNotification.set(notification, counts)
      const before = read(counts, device)
      const after = Math.min(before + 1, MOST)
      if (counts instanceof Map) counts.set(device, after)
      else counts[device] = after
      return before
    },
    get: (device, notification) => {
      const counts = byNotification.get(notification)
      return counts ? read(counts, device) : 0
    },
    forget: notification => byNotification.delete(notification),
    clear: () => byNotification.clear(),
  }
}

const read = (counts: PerDevice, device: number): number =>
  (counts instanceof Map ? counts.get(device) : counts[device]) ?? 0

/** The same counts in a form that has a place for `device`. */
function spaceFor(counts: PerDevice, device: number): PerDevice {
  if (counts instanceof Map) {
    if (counts.size < LARGEST_MAP) return counts
    let largest = device
    for (const known of counts.keys()) largest = Math.max(largest, known)
    const bytes = new Uint8Array(2 * (largest + 1))
    for (const [known, count] of counts) bytes[known] = count
    return bytes
  }
  if (device < counts.length) return counts
  const larger = new Uint8Array(2 * (device + 1))
  larger.set(counts)
  return larger
}
