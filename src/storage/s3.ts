import { readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import { PassThrough, pipeline, Readable } from 'node:stream'
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { Problem } from '../lib/problems.ts'
import { clip, exactly, MAX_FILE_BYTES, refuseSize } from './exactly.ts'
import { BUCKETS, placeOf, placeOfPrefix } from './keys.ts'
import type { Storage } from './types.ts'

export interface S3Options {
  /** https://host:9000 */
  endpoint: string
  region: string
  accessKey: string
  secretKey: string
  /** Authority that signed its certificate; the system's when absent. */
  caFile?: string | undefined
  /** The largest file that is kept, bytes. */
  mostBytes?: number
  /** ms until it must have begun to answer, twice at most where asking again is harmless. */
  answerMs?: number
  /** ms that putting a file may take in all: who sends it may be slow. */
  putMs?: number
}

const ANSWER_MS = 5_000
const PUT_MS = 120_000
const CONNECT_MS = 1_000
/** A connection on which nothing moves for so long is given up. */
const IDLE_MS = 60_000
const MAX_SOCKETS = 50
/** How often it is asked whether it is there and takes our signature. */
const PULSE_MS = 10_000
const PAGE = 1_000

/** Files in an object storage that speaks S3, in buckets that are there already (`createBuckets`). */
export function s3Storage(options: S3Options): Storage {
  const { mostBytes = MAX_FILE_BYTES, answerMs = ANSWER_MS, putMs = PUT_MS } = options
  const client = clientOf(options)
  let state: 'ok' | 'down' = 'ok'

  /** Asks once, within a time. What is not there is undefined; all else that fails is the storage's fault. */
  async function ask<T>(ms: number, send: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(new Error(`no answer within ${ms} ms`)), ms)
    try {
      const answer = await send(late.signal)
      state = 'ok'
      return answer
    } catch (error) {
      if (statusOf(error) === 404 && nameOf(error) !== 'NoSuchBucket') {
        state = 'ok'
        return undefined
      }
      state = 'down'
      throw new Problem('unavailable', {
        cause: late.signal.aborted ? late.signal.reason : error,
        retryAfter: 5,
      })
    } finally {
      clearTimeout(timer)
    }
  }

  /** As `ask`, and once more when it did not answer or was in trouble. For what may be done twice. */
  async function askAgain<T>(send: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    try {
      return await ask(answerMs, send)
    } catch (error) {
      const status = statusOf((error as Problem).cause)
      if (status !== undefined && status < 500) throw error
      return await ask(answerMs, send)
    }
  }

  async function head(key: string) {
    const { bucket, name } = placeOf(key)
    const answer = await askAgain(abortSignal =>
      client.send(new HeadObjectCommand({ Bucket: bucket, Key: name }), { abortSignal }),
    )
    if (!answer) return undefined
    return {
      size: answer.ContentLength ?? 0,
      type: answer.ContentType ?? '',
      modifiedAt: answer.LastModified?.getTime() ?? 0,
    }
  }

  const check = () =>
    ask(answerMs, abortSignal =>
      client.send(new HeadBucketCommand({ Bucket: BUCKETS[0] }), { abortSignal }),
    ).then(
      found => {
        if (!found) state = 'down'
      },
      // The state tells of it.
      () => undefined,
    )
  void check()
  const pulse = setInterval(check, PULSE_MS).unref()

  return {
    async put(key, { body, size, type }) {
      const { bucket, name } = placeOf(key)
      refuseSize(size, mostBytes)
      if (!/^[\x20-\x7e]{1,200}$/.test(type)) throw new RangeError('no media type')
      const source = exactly(size)
      const broken = new AbortController()
      let failure: Error | null | undefined
      pipeline(body, source, error => {
        failure ??= error
        // The client would wait for the rest of a stream that has broken.
        if (error) broken.abort(error)
      })
      const before = state
      try {
        await ask(putMs, signal =>
          client.send(
            new PutObjectCommand({
              Bucket: bucket,
              Key: name,
              Body: source,
              ContentLength: size,
              ContentType: type,
            }),
            { abortSignal: AbortSignal.any([signal, broken.signal]) },
          ),
        )
        if (failure) throw failure
      } catch (error) {
        if (!failure) throw error
        // It was who sent, not who keeps.
        state = before
        throw failure
      } finally {
        failure ??= new Error('the storage takes no more')
        source.destroy()
      }
    },
    async get(key, range) {
      const { bucket, name } = placeOf(key)
      clip(0, range)
      const wanted = range && `bytes=${range.from}-${range.to ?? ''}`
      // What holds nothing is answered without asking for it: there is no way to say it as a range.
      const isEmpty = range?.to !== undefined && range.to < range.from
      const answer = isEmpty
        ? undefined
        : await askAgain(abortSignal =>
            client
              .send(new GetObjectCommand({ Bucket: bucket, Key: name, Range: wanted }), { abortSignal })
              .catch((error: unknown) => {
                if (statusOf(error) === 416) return undefined
                throw error
              }),
          )
      if (!answer) {
        // Nothing there, or nothing there in that range.
        const file = range && (await head(key))
        return file && { ...file, from: range.from, length: 0, body: Readable.from([]) }
      }
      const { Body: body, ContentLength: length = 0, ContentRange: part, ContentType: type = '' } = answer
      if (!(body instanceof Readable)) throw new Problem('unavailable', { cause: new Error('no stream') })
      return {
        size: part ? Number(part.slice(part.lastIndexOf('/') + 1)) : length,
        type,
        modifiedAt: answer.LastModified?.getTime() ?? 0,
        from: part ? (range?.from ?? 0) : 0,
        length,
        body: whole(body),
      }
    },
    head,
    async delete(key) {
      const { bucket, name } = placeOf(key)
      await askAgain(abortSignal =>
        client.send(new DeleteObjectCommand({ Bucket: bucket, Key: name }), { abortSignal }),
      )
    },
    async list(prefix, after) {
      const { bucket, name } = placeOfPrefix(prefix)
      const answer = await askAgain(abortSignal =>
        client.send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: name,
            MaxKeys: PAGE,
            StartAfter: after?.slice(bucket.length + 1),
          }),
          { abortSignal },
        ),
      )
      return (answer?.Contents ?? []).map(({ Key = '', Size = 0, LastModified }) => ({
        key: `${bucket}/${Key}`,
        size: Size,
        modifiedAt: LastModified?.getTime() ?? 0,
      }))
    },
    state: () => state,
    async close() {
      clearInterval(pulse)
      client.destroy()
    },
  }
}

/** Makes the buckets that are missing: once, when the product is installed. Rejects with what the storage says. */
export async function createBuckets(options: S3Options): Promise<void> {
  const client = clientOf(options)
  try {
    for (const bucket of BUCKETS) {
      const abortSignal = AbortSignal.timeout(options.answerMs ?? ANSWER_MS)
      try {
        await client.send(new CreateBucketCommand({ Bucket: bucket }), { abortSignal })
      } catch (error) {
        if (nameOf(error) !== 'BucketAlreadyOwnedByYou') throw error
      }
    }
  } finally {
    client.destroy()
  }
}

function clientOf({ endpoint, region, accessKey, secretKey, caFile }: S3Options): S3Client {
  const agent = { keepAlive: true, maxSockets: MAX_SOCKETS }
  return new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    // Retries are ours: a stream cannot be sent twice.
    maxAttempts: 1,
    // What it would print is in the cause of the problem that we throw.
    logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    // Checksums in trailers are Amazon's own.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: IDLE_MS,
      httpAgent: new Agent(agent),
      httpsAgent: new TlsAgent({ ...agent, ...(caFile ? { ca: readFileSync(caFile) } : {}) }),
    },
  })
}

/**
 * A stream like any other: the one of an HTTP answer keeps its connection when whoever reads it stops half way. Its
 * errors are the reader's.
 */
const whole = (body: Readable): Readable => pipeline(body, new PassThrough(), () => undefined)

const quiet = () => undefined

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '')

const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode
