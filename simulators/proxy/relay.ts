import type { Socket } from 'node:net'

/** One direction of a tunnel. */
export interface Relay {
  /** ms that everything takes more; Infinity holds it back altogether. */
  delay(ms: number): void
  stop(): void
}

/** Held back at most; beyond that the sender waits. */
const MOST_HELD_BYTES = 1024 * 1024

interface Held {
  chunk: Buffer
  dueAt: number
}

/** Passes what `from` sends to `to`, no faster than `to` takes it, then its end. `saw` sees every chunk first. */
export function relay(from: Socket, to: Socket, saw: (chunk: Buffer) => void): Relay {
  let delayMs = 0
  let held: Held[] = []
  let heldBytes = 0
  let ended = false
  let timer: NodeJS.Timeout | undefined

  from.on('data', (chunk: Buffer) => {
    saw(chunk)
    if (delayMs === 0 && held.length === 0) pass(chunk)
    else hold(chunk)
  })
  from.on('end', () => {
    ended = true
    if (held.length === 0) to.end()
  })
  to.on('drain', () => {
    if (heldBytes < MOST_HELD_BYTES) from.resume()
  })

  function pass(chunk: Buffer): void {
    if (to.writable && !to.write(chunk)) from.pause()
  }

  function hold(chunk: Buffer): void {
    held.push({ chunk, dueAt: performance.now() + delayMs })
    heldBytes += chunk.length
    if (heldBytes >= MOST_HELD_BYTES) from.pause()
    timer ??= wait()
  }

  function wait(): NodeJS.Timeout | undefined {
    const [first] = held
    if (!first || delayMs === Number.POSITIVE_INFINITY) return undefined
    return setTimeout(passDue, Math.max(0, first.dueAt - performance.now()))
  }

  function passDue(): void {
    timer = undefined
    const now = performance.now()
    let due = 0
    while (due < held.length && (held[due]?.dueAt ?? 0) <= now) due += 1
    for (const { chunk } of held.splice(0, due)) {
      heldBytes -= chunk.length
      pass(chunk)
    }
    if (heldBytes < MOST_HELD_BYTES && !to.writableNeedDrain) from.resume()
    if (held.length > 0) timer = wait()
    else if (ended) to.end()
  }

  return {
    delay: ms => {
      delayMs = ms
      clearTimeout(timer)
      timer = undefined
      const latest = performance.now() + ms
      for (const item of held) item.dueAt = Math.min(item.dueAt, latest)
      if (held.length > 0) timer = wait()
    },
    stop: () => {
      clearTimeout(timer)
      held = []
    },
  }
}
