import type { Services } from '../../../services.ts'
import { type Progress, progressOf } from './broadcast-sql.ts'

const EVERY_MS = 1_000

/** A broadcast as a unit at work sees it: what a person decides about it shows here within a second. */
export interface Watched {
  readonly state: string
  release(): void
}

interface Entry {
  id: string
  state: string
  users: number
  /** Somebody used it since the last look. */
  used: boolean
}

/** What a member of staff who follows a broadcast hears. */
export function announceProgress({ fanout }: Services, progress: Progress): void {
  const { id, state, counts, ratePerSecond, secondsLeft, reasons } = progress
  fanout.publish(`broadcast:${id}`, {
    type: 'broadcast-progress',
    id,
    state,
    counts,
    ratePerSecond,
    secondsLeft,
    reasons,
  })
}

/**
 * Looks once a second at each broadcast that units of this process are sending, for all of them together, and tells
 * those who follow it how far it is. Returns how a unit joins.
 */
export function openWatch(services: Services) {
  const entries = new Map<string, Entry>()

  async function look(entry: Entry): Promise<void> {
    const progress = (await progressOf(services.db, [entry.id], services.clock.now())).get(entry.id)
    if (!progress) return
    entry.state = progress.state
    announceProgress(services, progress)
  }

  function follow(entry: Entry): void {
    const timer = setTimeout(async () => {
      if (entry.users === 0 && !entry.used) {
        entries.delete(entry.id)
        return
      }
      entry.used = entry.users > 0
      try {
        await look(entry)
      } catch (error) {
        services.log.warn({ event: 'broadcast_look_failed', broadcastId: entry.id, error })
      }
      follow(entry)
    }, EVERY_MS)
    timer.unref()
  }

  return function watch(id: string, state: string): Watched {
    const entry = entries.get(id) ?? { id, state, users: 0, used: true }
    if (!entries.has(id)) {
      entries.set(id, entry)
      follow(entry)
    }
    // Whoever took a unit has just read the row.
    Object.assign(entry, { state, used: true })
    entry.users++
    return {
      get state() {
        return entry.state
      },
      release: () => void entry.users--,
    }
  }
}
