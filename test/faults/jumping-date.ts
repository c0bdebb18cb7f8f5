// Loaded before a process of ours whose machine's clock a drill moves: on SIGUSR2 it jumps by FAULTS_CLOCK_JUMP_MS.
const Machine = Date
let ahead = 0

class JumpingDate extends Machine {
  constructor(...args: [] | [string | number | Date]) {
    if (args.length === 0) super(Machine.now() + ahead)
    else super(...args)
  }

  static override now(): number {
    return Machine.now() + ahead
  }
}

globalThis.Date = JumpingDate as DateConstructor
process.on('SIGUSR2', () => {
  ahead = Number(process.env.FAULTS_CLOCK_JUMP_MS)
})
