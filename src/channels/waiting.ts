import type { Task } from './task.ts'

/** Requests that wait for a connection: the urgent ones first, each line in its order. */
export interface Waiting {
  /** False when there is no place any more. */
  add(task: Task): boolean
  /** The next one that still cares; undefined when there is none. */
  next(): Task | undefined
  /** At most so many wait: some may have given up. */
  size(): number
}

const MOST_WAITING = 10_000

export function openWaiting(): Waiting {
  const urgent: Task[] = []
  const others: Task[] = []
  const size = () => urgent.length + others.length

  return {
    add: task => {
      if (size() >= MOST_WAITING) return false
      const line = task.request.urgent ? urgent : others
      line.push(task)
      return true
    },
    next: () => {
      for (;;) {
        const task = urgent.shift() ?? others.shift()
        if (!task?.settled) return task
      }
    },
    size,
  }
}
