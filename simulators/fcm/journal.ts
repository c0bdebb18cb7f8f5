import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * The ledger on disk: an append-only file of small records. A device and a notification are named once and are
 * numbers afterwards, so that a push costs nine bytes.
 */
const DEVICE = 1
const NOTIFICATION = 2
const ACCEPTED = 3
const OUTCOME = 4

const BUFFER_BYTES = 256 * 1024
const LONGEST_NAME = 0xffff
const LARGEST_FILE = 1024 * 1024 * 1024

export interface Records {
  device(token: string): void
  notification(id: string): void
  accepted(device: number, notification: number): void
  outcome(code: number): void
}

export interface Journal extends Records {
  /** False when the file has reached its limit: nothing may be recorded any more. */
  hasRoom(): boolean
  /** Hands what is buffered to the file. Throws when it cannot be written. */
  flush(): void
  /** Empties the file. */
  clear(): void
  close(): void
}

/** Opens the journal, replaying what it holds to `replay`; an end torn by a crash is cut off. */
export function openJournal(file: string, replay: Records): Journal {
  mkdirSync(dirname(file), { recursive: true })
  const fd = openSync(file, 'a+', 0o600)
  let written = replayAll(readFileSync(fd), replay)
  ftruncateSync(fd, written)
  const buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  let used = 0

  function flush(): void {
    let done = 0
    while (done < used) done += writeSync(fd, buffer, done, used - done)
    written += used
    used = 0
  }

  function room(bytes: number): void {
    if (used + bytes > BUFFER_BYTES) flush()
  }

  function named(kind: number, name: string): void {
    const bytes = Buffer.from(name)
    if (bytes.length > LONGEST_NAME) throw new Error('A name in the ledger is too long')
    room(3 + bytes.length)
    buffer[used] = kind
    buffer.writeUInt16LE(bytes.length, used + 1)
    bytes.copy(buffer, used + 3)
    used += 3 + bytes.length
  }

  return {
    device: token => named(DEVICE, token),
    notification: id => named(NOTIFICATION, id),
    accepted: (device, notification) => {
      room(9)
      buffer[used] = ACCEPTED
      buffer.writeUInt32LE(device, used + 1)
      buffer.writeUInt32LE(notification, used + 5)
      used += 9
    },
    outcome: code => {
      room(2)
      buffer[used] = OUTCOME
      buffer[used + 1] = code
      used += 2
    },
    hasRoom: () => written + used < LARGEST_FILE,
    flush,
    clear: () => {
      used = 0
      written = 0
      ftruncateSync(fd, 0)
    },
    close: () => {
      flush()
      closeSync(fd)
    },
  }
}

/** Replays whole records; the number of bytes that they take. */
function replayAll(bytes: Buffer, replay: Records): number {
  let at = 0
  for (;;) {
    const size = recordSize(bytes, at)
    if (size === 0 || at + size > bytes.length) return at
    switch (bytes[at]) {
      case DEVICE:
        replay.device(bytes.toString('utf8', at + 3, at + size))
        break
      case NOTIFICATION:
        replay.notification(bytes.toString('utf8', at + 3, at + size))
        break
      case ACCEPTED:
        replay.accepted(bytes.readUInt32LE(at + 1), bytes.readUInt32LE(at + 5))
        break
      case OUTCOME:
        replay.outcome(bytes[at + 1] ?? 0)
        break
    }
    at += size
  }
}

/** Zero when there is no whole record's head at `at`. */
function recordSize(bytes: Buffer, at: number): number {
  const kind = bytes[at]
  if (kind === ACCEPTED) return 9
  if (kind === OUTCOME) return 2
  if ((kind === DEVICE || kind === NOTIFICATION) && at + 3 <= bytes.length)
    return 3 + bytes.readUInt16LE(at + 1)
  return 0
}
