import { openListeners, throwLater } from './listeners.ts'
import type { Fanout } from './types.ts'

/**
 * Fan-out within a single process. A listener that throws stops neither the publisher nor the others; its error goes to
 * `onError`, or else ends the process as any error that nobody handles.
 */
export function inProcessFanout(onError: (error: unknown) => void = throwLater): Fanout {
  const listeners = openListeners(onError)
  return {
    publish: listeners.tell,
    subscribe: listeners.add,
    // Nothing comes from elsewhere, so nothing of it is missed.
    onGap: () => () => undefined,
  }
}
