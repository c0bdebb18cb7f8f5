/** Mixes whole numbers into 32 bits, so that neighbours have nothing in common. */
export function hash(...parts: number[]): number {
  let mixed = 0x53616d61
  for (const part of parts) {
    mixed = Math.imul(mixed ^ (part | 0), 0x9e3779b1)
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b)
    mixed ^= mixed >>> 16
  }
  return mixed >>> 0
}

/** A sequence of numbers in [0, 1), the same for the same parts. */
export function sequence(...parts: number[]): () => number {
  const seed = hash(...parts)
  let count = 0
  return () => hash(seed, count++) / 0x100000000
}

/** One of the values; `at` is in [0, 1). */
export function pick<T>(values: readonly [T, ...T[]], at: number): T {
  return values[Math.floor(at * values.length)] ?? values[0]
}

/** That many digits, the same for the same parts. */
export function digits(count: number, ...parts: number[]): string {
  let text = ''
  for (let block = 0; text.length < count; block++) {
    text += String(hash(...parts, block) % 1_000_000_000).padStart(9, '0')
  }
  return text.slice(0, count)
}

/** What a draw is for, so that two draws for the same number have nothing in common. */
export const FOR = {
  person: 1,
  spelling: 2,
  household: 3,
  month: 4,
  token: 5,
  bill: 6,
} as const
