import type { PushChannel, PushMessage, PushOutcome } from '../../../channels/types.ts'
import type { Gate, Place } from './gate.ts'
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

  async function one(recipient: Recipient): Promise<void> {
    if (spared(recipient)) return
    const turn = gate.enter(place)
    if (turn) await turn
    try {
      if (turn && spared(recipient)) return
      const result = await send(sending, recipient)
      noteSent(tally, recipient, result, place.bulk)
      down = result.outcome === 'retry' && push.state() === 'down'
      if (result.outcome === 'retry' && result.slowDown) sending.slowDown(result.afterMs)
    } finally {
      gate.leave(place)
    }
  }

  async function line(): Promise<void> {
    for (const recipient of coming) await one(recipient)
  }

  // While the channel is down one push asks whether it still is; the others would only wait for nothing.
  const probe = push.state() === 'down' ? coming.next().value : undefined
  if (probe) await one(probe)
  await Promise.all(Array.from({ length: Math.min(push.concurrency, recipients.length) }, line))
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
