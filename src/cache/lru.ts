interface Entry<Value> {
  key: string
  value: Value
  weight: number
  older: Entry<Value> | null
  newer: Entry<Value> | null
}

/**
 * A map that forgets what was used least recently when the sum of weights is over its bound. The order of use is a
 * list: reading moves a link and leaves the map alone.
 */
export class Lru<Value> {
  readonly #entries = new Map<string, Entry<Value>>()
  readonly #maxWeight: number
  #weight = 0
  #oldest: Entry<Value> | null = null
  #newest: Entry<Value> | null = null

  constructor(maxWeight: number) {
    this.#maxWeight = maxWeight
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    if (entry !== this.#newest) {
      this.#unlink(entry)
      this.#link(entry)
    }
    return entry.value
  }

  set(key: string, value: Value, weight = 1): void {
    this.delete(key)
    const entry: Entry<Value> = { key, value, weight, older: null, newer: null }
    this.#entries.set(key, entry)
    this.#link(entry)
    this.#weight += weight
    while (this.#weight > this.#maxWeight && this.#oldest) this.delete(this.#oldest.key)
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    this.#entries.delete(key)
    this.#unlink(entry)
    this.#weight -= entry.weight
  }

  get size(): number {
    return this.#entries.size
  }

  #link(entry: Entry<Value>): void {
    entry.older = this.#newest
    entry.newer = null
    if (this.#newest) this.#newest.newer = entry
    else this.#oldest = entry
    this.#newest = entry
  }

  #unlink({ older, newer }: Entry<Value>): void {
    if (older) older.newer = newer
    else this.#oldest = newer
    if (newer) newer.older = older
    else this.#newest = older
  }
}
