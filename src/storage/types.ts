import type { Readable } from 'node:stream'

export interface StoredFile {
  /** Bytes. */
  size: number
  /** Media type, as it was put. */
  type: string
  /** ms since the epoch, by the storage's clock, in whole seconds at worst. */
  modifiedAt: number
}

/** Some or all of a file. */
export interface FilePart extends StoredFile {
  /** Where the part begins, and its bytes: 0 of them when it begins beyond the end. */
  from: number
  length: number
  /** Read it to its end or destroy it: it holds a connection or an open file. */
  body: Readable
}

/**
 * Files under keys `bucket/name`, `bucket/folder/name`: small and never changed in part. All reject with a `RangeError`
 * for a key that is none, and with `Problem('unavailable')` while the storage does not answer, refuses us, or is full.
 */
export interface Storage {
  /**
   * Keeps exactly `size` bytes of a stream under a key, in place of what was there; readers see the old file or the new
   * one, never a part. `Problem('too_large')` over the storage's bound, before anything is read;
   * `Problem('malformed')` when the stream has more or fewer bytes; the stream's own error when it breaks. Then
   * nothing has changed.
   */
  put(key: string, file: { body: Readable; size: number; type: string }): Promise<void>
  /** The file from byte `from` to byte `to` inclusive, all of it by default; undefined when there is none. */
  get(key: string, range?: { from: number; to?: number }): Promise<FilePart | undefined>
  head(key: string): Promise<StoredFile | undefined>
  /** No fault when there is none. */
  delete(key: string): Promise<void>
  /** At most 1,000 keys that begin with `bucket/` or more, in their order, after the one given. */
  list(prefix: string, after?: string): Promise<{ key: string; size: number; modifiedAt: number }[]>
  /** 'down' after a failure that is the storage's, until it answers again. No call is made. */
  state(): 'ok' | 'down'
  close(): Promise<void>
}
