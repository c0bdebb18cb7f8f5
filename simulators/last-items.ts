export interface LastItems<Item> {
  add(key: string, item: Item): void
  /** Newest first. */
  of(key: string): Item[]
  clear(): void
}

/** The last `most` things that came, found by key, at most `perKey` of each: so memory is bounded whoever sends what. */
export function createLastItems<Item>({ most, perKey }: { most: number; perKey: number }): LastItems<Item> {
  const byKey = new Map<string, Item[]>()
  // A ring, since finding the oldest entry of a Map is dear once many in front of it were deleted.
  let ring: { key: string; item: Item }[] = []
  let next = 0

  function drop({ key, item }: { key: string; item: Item }): void {
    const items = byKey.get(key)
    if (!items || items[0] !== item) return
    items.shift()
    if (items.length === 0) byKey.delete(key)
  }

  return {
    add: (key, item) => {
      const oldest = ring[next]
      if (oldest) drop(oldest)
      ring[next] = { key, item }
      next = (next + 1) % most
      const items = byKey.get(key)
      if (!items) byKey.set(key, [item])
      else if (items.push(item) > perKey) items.shift()
    },
    of: key => (byKey.get(key) ?? []).toReversed(),
    clear: () => {
      byKey.clear()
      ring = []
      next = 0
    },
  }
}
