import { randomUUID } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { type FileHandle, open, readdir, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Problem } from '../lib/problems.ts'
import { clip, exactly, MAX_FILE_BYTES, refuseSize } from './exactly.ts'
import { BUCKETS, type Place, placeOf, placeOfPrefix } from './keys.ts'
import type { Storage, StoredFile } from './types.ts'

const PAGE = 1_000
const MAX_HEAD = 512
const LINE_END = 10

export interface FolderOptions {
  folder: string
  /** The largest file that is kept, bytes. */
  mostBytes?: number
}

const UNFINISHED = 'unfinished'
/** What is in a folder of files. */
export const FOLDERS: readonly string[] = [UNFINISHED, ...BUCKETS]

/**
 * Files in a folder that this process alone writes to. A file is its media type on the first line and its bytes after
 * that, so that both appear at once, by one rename.
 */
export function folderStorage({ folder, mostBytes = MAX_FILE_BYTES }: FolderOptions): Storage {
  const unfinished = join(folder, UNFINISHED)
  // What a process that was killed had begun.
  rmSync(unfinished, { recursive: true, force: true })
  for (const name of FOLDERS) {
    mkdirSync(join(folder, name), { recursive: true, mode: 0o700 })
  }
  let state: 'ok' | 'down' = 'ok'

  // One name per file, so that a key may also be the beginning of another.
  const pathOf = ({ bucket, name }: Place) => join(folder, bucket, encodeURIComponent(name))

  /** Does something with the disk; its failures are ours, not the caller's. */
  async function onDisk<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work()
      state = 'ok'
      return result
    } catch (error) {
      if (!isSystemError(error)) throw error
      state = 'down'
      throw new Problem('unavailable', { cause: error, retryAfter: 5 })
    }
  }

  /** The file, opened; undefined when there is none. */
  async function find(place: Place) {
    const handle = await absent(open(pathOf(place), 'r'))
    if (!handle) return undefined
    try {
      return { handle, ...(await headOf(handle)) }
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  return {
    async put(key, { body, size, type }) {
      const place = placeOf(key)
      refuseSize(size, mostBytes)
      if (!/^[\x20-\x7e]{1,200}$/.test(type)) throw new RangeError('no media type')
      const begun = join(unfinished, randomUUID())
      await onDisk(async () => {
        const handle = await open(begun, 'wx', 0o600)
        let isKept = false
        try {
          await handle.write(`${type}\n`)
          await pipeline(body, exactly(size), async chunks => {
            for await (const chunk of chunks) await handle.appendFile(chunk)
          })
          await handle.sync()
          await handle.close()
          await rename(begun, pathOf(place))
          isKept = true
        } finally {
          if (!isKept) {
            await handle.close()
            await unlink(begun)
          }
        }
      }).catch(error => {
        // A stream that breaks by a system error of its own, a lost connection, is no fault of the disk.
        if (error instanceof Problem && body.errored && error.cause === body.errored) {
          state = 'ok'
          throw body.errored
        }
        throw error
      })
    },
    async get(key, range) {
      const place = placeOf(key)
      clip(0, range)
      const found = await onDisk(() => find(place))
      if (!found) return undefined
      const { handle, start, ...file } = found
      const { from, length } = clip(file.size, range)
      if (length === 0) {
        await handle.close()
        return { ...file, from, length, body: Readable.from([]) }
      }
      const body = handle.createReadStream({ start: start + from, end: start + from + length - 1 })
      return { ...file, from, length, body }
    },
    async head(key) {
      const place = placeOf(key)
      const found = await onDisk(() => find(place))
      if (!found) return undefined
      const { handle, start: _, ...file } = found
      await handle.close()
      return file
    },
    async delete(key) {
      const path = pathOf(placeOf(key))
      await onDisk(() => absent(unlink(path)))
    },
    async list(prefix, after = '') {
      const { bucket, name } = placeOfPrefix(prefix)
      return await onDisk(async () => {
        const keys = (await readdir(join(folder, bucket)))
          .map(file => `${bucket}/${decodeURIComponent(file)}`)
          .filter(key => key.startsWith(`${bucket}/${name}`) && key > after)
          .sort()
          .slice(0, PAGE)
        const files = await Promise.all(
          keys.map(async key => {
            const found = await find(placeOf(key))
            await found?.handle.close()
            return found ? [{ key, size: found.size, modifiedAt: found.modifiedAt }] : []
          }),
        )
        return files.flat()
      })
    },
    state: () => state,
    close: async () => undefined,
  }
}

async function headOf(handle: FileHandle): Promise<StoredFile & { start: number }> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_HEAD), 0, MAX_HEAD, 0)
  const end = buffer.subarray(0, bytesRead).indexOf(LINE_END)
  if (end < 0) throw new Problem('unavailable', { cause: new Error('a file without a first line') })
  const { size, mtimeMs } = await handle.stat()
  return {
    start: end + 1,
    size: size - end - 1,
    type: buffer.toString('latin1', 0, end),
    modifiedAt: Math.floor(mtimeMs),
  }
}

const isSystemError = (error: unknown): boolean =>
  error instanceof Error && 'syscall' in error && 'code' in error

/** What a promise gives; undefined when the file is not there. */
async function absent<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
