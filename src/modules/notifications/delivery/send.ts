import type { PushChannel, PushMessage, PushOutcome } from '../../../channels/types.ts'
import { type Gate, openSeat, type Place } from './gate.ts'
import { noteSent, noteSpared, type Recipient, type Tally, type Verdict } from './tally.ts'

export interface Sending {
  push: PushChannel
  gate: Gate
  place: Place
  message: (recipient: Recipient) => PushMessage
  /** Why the devices that are left are not sent to; undefined while they are. */
  halt: () => Verdict | undefined
  /** The channel asked everybody for patience. */
  slowDown: (ms: number) => void
  onError: (error: unknown) => void
  signal: AbortSignal
}

const DOWN: Verdict = { outcome: 'retry', reason: 'channel down', afterMs: 0 }

/** Sends to each recipient, several at a time, and notes what became of every one of them, whatever happens meanwhile. */
export async function sendAll(
  sending: Sending,
  recipients: readonly Recipient[],
  tally: Tally,
): Promise<void> {
  const { push, gate, place, halt } = sending
  const coming = recipients.values()
  let down = false

  function spared(recipient: Recipient): boolean {
    const verdict = spare(recipient)
    if (verdict) noteSpared(tally, recipient, verdict)
    return verdict !== undefined
  }

  function spare({ spared }: Recipient): Verdict | undefined {
    if (spared !== null) return spared
    if (tally.stop !== null) {
      return place.bulk
        ? { outcome: 'wait', reason: tally.stop, until: 'resumed' }
        : { outcome: 'refused', reason: tally.stop }
    }
    return halt() ?? (down ? DOWN : undefined)
  }

  function note(recipient: Recipient, result: PushOutcome): void {
    noteSent(tally, recipient, result, place.bulk)
    down = result.outcome === 'retry' && push.state() === 'down'
    if (result.outcome === 'retry' && result.slowDown) sending.slowDown(result.afterMs)
  }

  /** One after the other, in a place of the gate that is kept until somebody more pressing waits. */
  async function line(some: Iterable<Recipient>): Promise<void> {
    const seat = openSeat(gate, place)
    try {
      for (const recipient of some) {
        if (spared(recipient)) continue
        const turn = seat.take()
        if (turn) {
          await turn
          if (spared(recipient)) continue
        }
        note(recipient, await send(sending, recipient))
      }
    } finally {
      seat.leave()
    }
  }

  // While the channel is down one push asks whether it still is; the others would only wait for nothing.
  const probe = push.state() === 'down' ? coming.next().value : undefined
  if (probe) await line([probe])
  const lines = Math.min(push.concurrency, recipients.length)
  await Promise.all(Array.from({ length: lines }, () => line(coming)))
}

async function send(sending: Sending, recipient: Recipient): Promise<PushOutcome> {
  try {
    return await sending.push.send(sending.message(recipient), sending.signal)
  } catch (error) {
    // Aborted, or a fault of the channel: in both cases the push may be out.
    if (!sending.signal.aborted) sending.onError(error)
    return { outcome: 'retry', reason: 'interrupted', afterMs: 0, ambiguous: true }
  }
}
