/**
 * Loaded before the script of every process that the stack starts: whatever ends the supervisor closes the channel to
 * it, and then this process ends as it does on SIGTERM; or, when that takes too long, at once.
 */
const END_MS = 5_000

process.once('disconnect', () => {
  process.kill(process.pid, 'SIGTERM')
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), END_MS).unref()
})
// The channel alone keeps no process alive that has finished.
process.channel?.unref()
