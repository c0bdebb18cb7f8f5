/** Sees the bytes that a client sends, in order; calls `seen` for every request that begins. */
export type RequestCounter = (chunk: Buffer) => void

const PREFACE_BYTES = 24
const FRAME_HEAD_BYTES = 9
const HEADERS_FRAME = 1
const LONGEST_HEAD = 64 * 1024

/** Counts the HEADERS frames of an HTTP/2 client (RFC 9113, 4.1), which sends one per request. */
export function countHttp2(seen: () => void): RequestCounter {
  const head = Buffer.alloc(FRAME_HEAD_BYTES)
  let collected = 0
  let toSkip = PREFACE_BYTES
  return chunk => {
    let at = 0
    while (at < chunk.length) {
      const skipped = Math.min(toSkip, chunk.length - at)
      toSkip -= skipped
      at += skipped
      const taken = chunk.copy(head, collected, at, at + FRAME_HEAD_BYTES - collected)
      collected += taken
      at += taken
      if (collected < FRAME_HEAD_BYTES) continue
      if (head[3] === HEADERS_FRAME) seen()
      toSkip = head.readUIntBE(0, 3)
      collected = 0
    }
  }
}

/** Counts HTTP/1.1 requests whose bodies have a `Content-Length`; after another kind of body it counts no more. */
export function countHttp1(seen: () => void): RequestCounter {
  let head = ''
  let toSkip = 0
  return chunk => {
    let at = 0
    while (at < chunk.length && toSkip !== Number.POSITIVE_INFINITY) {
      const skipped = Math.min(toSkip, chunk.length - at)
      toSkip -= skipped
      at += skipped
      if (at === chunk.length) return
      const before = head.length
      head += chunk.toString('latin1', at)
      const end = head.indexOf('\r\n\r\n')
      if (end === -1) {
        if (head.length > LONGEST_HEAD) toSkip = Number.POSITIVE_INFINITY
        return
      }
      seen()
      at += end + 4 - before
      toSkip = bodyBytes(head.slice(0, end))
      head = ''
    }
  }
}

function bodyBytes(head: string): number {
  if (/^transfer-encoding:/im.test(head)) return Number.POSITIVE_INFINITY
  return Number(/^content-length:\s*(\d+)/im.exec(head)?.[1] ?? 0)
}
