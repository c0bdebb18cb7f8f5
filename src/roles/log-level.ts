import type { OpenLog } from '../observability/index.ts'

/** How long everything is logged: whoever asked for it may forget to end it, and a disk is soon full. */
const DEBUG_MS = 15 * 60_000

/**
 * `kill -USR2` (`docker kill --signal USR2 NAME`) has this process log everything for a quarter of an hour; a second one
 * ends it before. By signal, so that nobody needs to sign in when signing in is what is broken, and only who governs the
 * machine can. Returns the function that ends it.
 */
export function debugOnSignal(log: OpenLog, forMs = DEBUG_MS): () => void {
  const usual = log.level
  let timer: NodeJS.Timeout | undefined

  function end(): void {
    clearTimeout(timer)
    timer = undefined
    log.level = usual
    log.info({ event: 'log_level_changed', to: usual })
  }

  function turn(): void {
    if (timer) {
      end()
      return
    }
    log.level = 'debug'
    log.info({ event: 'log_level_changed', to: 'debug', seconds: forMs / 1_000 })
    timer = setTimeout(end, forMs)
    timer.unref()
  }

  process.on('SIGUSR2', turn)
  return () => {
    process.off('SIGUSR2', turn)
    clearTimeout(timer)
    log.level = usual
  }
}
