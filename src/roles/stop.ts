/** How to stop what was started so far, in the order of its start. */
export type Stack = (() => Promise<unknown>)[]

/**
 * Stops what was started, last first, once however often it is called; what hangs does not hold the rest up beyond
 * `withinMs`: the process ends with 1 then.
 */
export function stopOnce(stack: Stack, withinMs: number): () => Promise<void> {
  let stopping: Promise<void> | undefined
  return () => {
    stopping ??= (async () => {
      const late = setTimeout(() => process.exit(1), withinMs)
      for (const close of stack.toReversed()) {
        await close().catch((error: unknown) => process.stderr.write(`${(error as Error).message}\n`))
      }
      clearTimeout(late)
    })()
    return stopping
  }
}

/** Ends with a signal, and with the process that started us: the channel to it closes when it is gone. */
export function stopWithParent(stop: () => Promise<void>): void {
  const end = () => {
    void stop().then(() => process.exit(0))
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)
  process.on('disconnect', end)
  // A closed terminal must not turn our last words into a crash.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
}
