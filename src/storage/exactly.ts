import { Transform } from 'node:stream'
import { Problem } from '../lib/problems.ts'

/** The largest file that a storage keeps unless told otherwise. */
export const MAX_FILE_BYTES = 10 * 1024 * 1024

/** Throws `Problem('too_large')` for what is over the bound, and a `RangeError` for what is no size. */
export function refuseSize(size: number, most: number): void {
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`a file of ${size} bytes`)
  if (size > most) throw new Problem('too_large')
}

/** Passes a stream of so many bytes through; any other breaks with `Problem('malformed')`, as soon as it is known. */
export function exactly(size: number): Transform {
  let seen = 0
  const wrong = () =>
    new Problem('malformed', { cause: new Error(`${seen} bytes where ${size} were announced`) })
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length
      if (seen > size) done(wrong())
      else done(null, chunk)
    },
    flush(done) {
      done(seen === size ? null : wrong())
    },
  })
}

/** A range of a file of `size` bytes, clipped to it. Throws a `RangeError` for what is no range. */
export function clip(size: number, { from = 0, to = size - 1 }: { from?: number; to?: number } = {}) {
  if (!(Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 0 && to >= -1)) {
    throw new RangeError(`bytes ${from} to ${to}`)
  }
  return { from, length: Math.max(0, Math.min(to, size - 1) - from + 1) }
}
