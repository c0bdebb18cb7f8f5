import type { Log } from '../observability/index.ts'

/** What a dependency said, or that it is away. */
export type Said<T> = { state: 'ok'; value: T } | { state: 'down'; value: undefined }

const LIMIT_MS = 3_000

/** Waits for what a dependency says, not longer than three seconds; its failure is an answer too: down. */
export async function heard<T>(log: Log, what: string, work: () => Promise<T>): Promise<Said<T>> {
  let timer: NodeJS.Timeout | undefined
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${LIMIT_MS} ms`)), LIMIT_MS)
    })
    return { state: 'ok', value: await Promise.race([work(), late]) }
  } catch (error) {
    log.warn({ event: 'monitor_look_failed', what, error })
    return { state: 'down', value: undefined }
  } finally {
    clearTimeout(timer)
  }
}
