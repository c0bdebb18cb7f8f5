import { explain, remedyFor } from './explain.ts'
import type { Check, Examined, Finding, State } from './types.ts'

/** What a component may take; the whole takes no longer, since all are looked at side by side. */
const EACH_MS = 6_000

/** Looks at everything at once; a component that is dead costs its own time and nobody else's. */
export async function examine(checks: readonly Check[], eachMs = EACH_MS): Promise<Examined[]> {
  const found = await Promise.all(
    checks.map(async check => {
      const startedAt = performance.now()
      const findings = await within(check, eachMs)
      const ms = Math.round(performance.now() - startedAt)
      return findings.map(finding => ({ component: check.component, ...finding, ms }))
    }),
  )
  return found.flat()
}

async function within(check: Check, ms: number): Promise<Finding[]> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(new Error('timeout')), ms)
  const tooLate = new Promise<never>((_, reject) => {
    late.signal.addEventListener('abort', () => reject(late.signal.reason), { once: true })
  })
  try {
    return await Promise.race([check.run(late.signal), tooLate])
  } catch (error) {
    return [{ state: 'fault', what: explain(error), remedy: remedyFor(error) ?? check.remedy }]
  } finally {
    clearTimeout(timer)
  }
}

/** For cron and scripts: 0 all is well, 1 something wants a look, 2 something is broken. */
export const exitCode = (examined: readonly { state: State }[]): 0 | 1 | 2 => {
  if (examined.some(({ state }) => state === 'fault')) return 2
  return examined.some(({ state }) => state === 'warning') ? 1 : 0
}
