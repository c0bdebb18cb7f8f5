/** Lets `atOnce` pieces of work run at the same time; the others wait in order. How many wait is bounded by who calls. */
export function turns(atOnce: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let running = 0
  return async work => {
    if (running < atOnce) running++
    else await new Promise<void>(resolve => waiting.push(resolve))
    try {
      return await work()
    } finally {
      // The turn goes to the next in line, or back.
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
