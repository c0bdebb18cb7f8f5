interface TraceEvent {
  name: string
  pid: number
  tid: number
  /** Microseconds. */
  dur?: number
  args?: { name?: string }
}

/** Of a trace of Chromium: how many tasks the main threads of its pages did, and the longest, in ms. */
export function longestTask({ traceEvents }: { traceEvents: TraceEvent[] }): {
  tasks: number
  longestMs: number
} {
  const key = ({ pid, tid }: TraceEvent) => `${pid} ${tid}`
  const mains = new Set(
    traceEvents
      .filter(one => one.name === 'thread_name' && one.args?.name === 'CrRendererMain')
      .map(one => key(one)),
  )
  const tasks = traceEvents.filter(one => one.name === 'RunTask' && mains.has(key(one)))
  if (tasks.length === 0) throw new Error('The trace tells of no task of a main thread.')
  return { tasks: tasks.length, longestMs: Math.max(...tasks.map(one => one.dur ?? 0)) / 1_000 }
}
