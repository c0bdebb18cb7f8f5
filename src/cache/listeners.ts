/** Who listens to which topic within this process. */
export interface Listeners {
  add(topic: string, listener: (message: unknown) => void): () => void
  has(topic: string): boolean
  /** Tells everyone who listens to the topic now; one who throws stops nobody else. */
  tell(topic: string, message: unknown): void
}

export function openListeners(onError: (error: unknown) => void): Listeners {
  const topics = new Map<string, Set<(message: unknown) => void>>()
  return {
    add(topic, listener) {
      // One's own, so that the same function may subscribe twice and each leaves by itself.
      const own = (message: unknown) => listener(message)
      const listeners = topics.get(topic) ?? new Set()
      topics.set(topic, listeners.add(own))
      return () => {
        listeners.delete(own)
        if (listeners.size === 0 && topics.get(topic) === listeners) topics.delete(topic)
      }
    },
    has: topic => topics.has(topic),
    tell(topic, message) {
      for (const listener of [...(topics.get(topic) ?? [])]) {
        try {
          listener(message)
        } catch (error) {
          onError(error)
        }
      }
    },
  }
}

/** For whoever gave no way to hear of errors: the process ends as by any error that nobody handles. */
export const throwLater = (error: unknown): void =>
  queueMicrotask(() => {
    throw error
  })
