import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type ChainableCommander, Redis, type RedisOptions } from 'ioredis'
import { RedisConnector } from './redis-connector.ts'

export interface RedisSettings {
  /** redis://user:password@host:6379, or rediss:// for TLS. */
  url: string
  /** Authority that signed its certificate; the system's when absent. */
  caFile?: string | undefined
  /** How connections call themselves in `CLIENT LIST`. */
  name?: string
  /** ms that any command may take, from the call to its answer. */
  commandMs?: number
  /** Told once per outage what the first trouble was. */
  onTrouble?: (error: Error) => void
}

/** Redis does not answer, or not in time. What was sent may still happen. */
export class RedisAway extends Error {
  constructor(why: string, cause?: unknown) {
    super(why, { cause })
    this.name = 'RedisAway'
  }
}

/** The connections of one process to Redis: one for commands, one to hear messages once somebody listens. */
export interface RedisLink {
  /**
   * Runs commands. Rejects with `RedisAway` within the deadline, at once while Redis is known to be away, or with what
   * Redis refused. Nothing waits for Redis to come back.
   */
  run<T>(send: (redis: Redis) => Promise<T>): Promise<T>
  /** Runs commands in one round trip and gives their answers; rejects as `run`, also when one of them is refused. */
  batch(fill: (pipeline: ChainableCommander) => void): Promise<unknown[]>
  /** A script by its hash: one round trip. */
  script(lua: string): (keys: string[], args: readonly (string | number | Buffer)[]) => Promise<unknown>
  /** Tells this run of the server from any other: what it knew before a restart was perhaps not all that it confirmed. */
  runId(): string
  /** How often Redis was away so far: when this number grew, something may have been missed. */
  outages(): number
  isUp(): boolean
  /** Calls each time that Redis is there (again). */
  onUp(listener: () => void): void
  /**
   * Hears a channel. `onGap` is called when messages may have been missed, once they arrive again.
   */
  hear(channel: string, onMessage: (text: string) => void, onGap: () => void): void
  /** 'down' while Redis is away, refuses what it is asked, or messages are not heard. No call is made. */
  state(): 'ok' | 'down'
  /** Waits for what was sent, within the deadline, and leaves no connection. */
  close(): Promise<void>
}

const COMMAND_MS = 200
const MAX_UNDER_WAY = 10_000
/** A connection that says nothing for so long while an answer is due is given up. */
const SILENCE_MS = 1_000
/** How often an idle connection is asked whether it still lives. */
const PULSE_MS = 1_000
const REFUSAL_PULSES = 5
/** The longest pause between two attempts to connect. */
export const MAX_RECONNECT_MS = 500

/** Opens the connections of a process. It resolves nothing and waits for nothing: Redis may come later. */
export function openRedis(settings: RedisSettings): RedisLink {
  const { commandMs = COMMAND_MS, onTrouble = () => undefined } = settings
  const options = optionsOf(settings)
  const redis = new Redis(settings.url, options)
  const upListeners: (() => void)[] = []
  const scripts: string[] = []
  let ear: Ear | undefined
  let runId = ''
  let isReady = false
  let outages = 0
  let underWay = 0
  /** Commands whose deadline is over and whose answer is still due: until it comes, nothing more is sent. */
  let late = 0
  /** Pulses until a refusal is forgotten: what is refused now and then is no health. */
  let refusing = 0
  let isTold = false
  let isClosing = false

  const isUp = () => isReady && late === 0

  function trouble(error: Error): void {
    if (isTold || isClosing) return
    isTold = true
    onTrouble(error)
  }

  function up(): void {
    isTold = false
    for (const listener of upListeners) listener()
  }

  redis.on('error', trouble)
  redis.on('close', () => {
    if (isReady) outages++
    isReady = false
  })
  redis.on('ready', () => {
    const { stream } = redis
    // A server that was restarted knows none of the scripts.
    const known = Promise.all(scripts.map(lua => redis.script('LOAD', lua)))
    Promise.all([redis.info('server'), known]).then(
      ([info]) => {
        // Meanwhile it may be another connection's turn.
        if (redis.stream !== stream || redis.status !== 'ready') return
        runId = /^run_id:(\w+)/m.exec(info)?.[1] ?? ''
        isReady = true
        up()
      },
      (error: Error) => {
        trouble(error)
        if (redis.stream === stream) redis.disconnect(true)
      },
    )
  })

  function run<T>(send: (redis: Redis) => Promise<T>): Promise<T> {
    if (!isUp()) return Promise.reject(new RedisAway('Redis is away'))
    if (underWay >= MAX_UNDER_WAY) return Promise.reject(new RedisAway('too much is under way'))
    underWay++
    return new Promise<T>((resolve, reject) => {
      let isLate = false
      let isSettled = false
      const timer = setTimeout(() => {
        // After a pause of this process the answer may be here already, unread: it is read before this is called late.
        setImmediate(() => {
          if (isSettled) return
          isLate = true
          if (late++ === 0) outages++
          const away = new RedisAway(`no answer within ${commandMs} ms`)
          trouble(away)
          reject(away)
        })
      }, commandMs)
      const settle = () => {
        isSettled = true
        clearTimeout(timer)
        underWay--
        if (isLate && --late === 0 && isReady) up()
      }
      send(redis).then(
        answer => {
          settle()
          resolve(answer)
        },
        (error: Error) => {
          settle()
          const isRefused = error.name === 'ReplyError'
          if (isRefused) {
            if (refusing === 0) onTrouble(error)
            refusing = REFUSAL_PULSES
          }
          reject(isRefused ? error : new RedisAway(error.message, error))
        },
      )
    })
  }

  const pulse = setInterval(() => {
    // What it finds is kept by `run` itself; there is nobody to tell here.
    run(each => each.ping()).catch(() => undefined)
    if (refusing > 0) refusing--
    ear?.pulse()
  }, PULSE_MS).unref()

  return {
    run,
    batch: fill =>
      run(async each => {
        const pipeline = each.pipeline()
        fill(pipeline)
        const results = (await pipeline.exec()) ?? []
        return results.map(([error, answer]) => {
          if (error) throw error
          return answer
        })
      }),
    script(lua) {
      const sha = createHash('sha1').update(lua).digest('hex')
      scripts.push(lua)
      // When this fails, the first use tells it the script.
      if (isUp()) run(each => each.script('LOAD', lua)).catch(() => undefined)
      return (keys, args) =>
        run(each =>
          each.evalsha(sha, keys.length, ...keys, ...args).catch((error: Error) => {
            if (!error.message.startsWith('NOSCRIPT')) throw error
            return each.eval(lua, keys.length, ...keys, ...args)
          }),
        )
    },
    runId: () => runId,
    outages: () => outages,
    isUp,
    onUp(listener) {
      upListeners.push(listener)
    },
    hear(channel, onMessage, onGap) {
      if (isClosing) return
      ear ??= openEar(settings.url, options, trouble)
      ear.hear(channel, onMessage, onGap)
    },
    state: () => (isUp() && refusing === 0 && (ear?.hears() ?? true) ? 'ok' : 'down'),
    async close() {
      isClosing = true
      clearInterval(pulse)
      // Answers come in order: when this one is there, so are all before it. When Redis is away they never come.
      await run(each => each.ping()).catch(() => undefined)
      await Promise.all([end(redis), ear?.close()])
      isReady = false
    },
  }
}

interface Ear {
  hear(channel: string, onMessage: (text: string) => void, onGap: () => void): void
  hears(): boolean
  pulse(): void
  close(): Promise<void>
}

/** A connection that hears channels and subscribes again by itself. */
function openEar(url: string, options: RedisOptions, trouble: (error: Error) => void): Ear {
  const redis = new Redis(url, options)
  const channels = new Map<string, { onMessage: (text: string) => void; onGap: () => void; heard: boolean }>()
  let isReady = false
  let subscribed = 0

  function subscribe(channel: string): void {
    const { stream } = redis
    redis.subscribe(channel).then(
      () => {
        subscribed++
        const known = channels.get(channel)
        if (known?.heard) known.onGap()
        if (known) known.heard = true
      },
      (error: Error) => {
        trouble(error)
        if (redis.stream === stream) redis.disconnect(true)
      },
    )
  }

  redis.on('error', trouble)
  redis.on('message', (channel: string, text: string) => channels.get(channel)?.onMessage(text))
  redis.on('close', () => {
    isReady = false
    subscribed = 0
  })
  redis.on('ready', () => {
    isReady = true
    for (const channel of channels.keys()) subscribe(channel)
  })
  return {
    hear(channel, onMessage, onGap) {
      channels.set(channel, { onMessage, onGap, heard: false })
      if (isReady) subscribe(channel)
    },
    hears: () => isReady && subscribed >= channels.size,
    // A connection that died silently is given up when the answer does not come (SILENCE_MS).
    pulse() {
      if (isReady) redis.ping().catch(trouble)
    },
    close: () => end(redis),
  }
}

function optionsOf({ url, caFile, name }: RedisSettings): RedisOptions {
  return {
    ...(name === undefined ? {} : { connectionName: name }),
    ...(url.startsWith('rediss:') ? { tls: caFile ? { ca: readFileSync(caFile) } : {} } : {}),
    Connector: RedisConnector,
    connectTimeout: SILENCE_MS,
    socketTimeout: SILENCE_MS,
    // Nothing is queued, repeated or resent behind our back: a command is answered in time or was in vain.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    maxLoadingRetryTime: SILENCE_MS / 2,
    // Spread, so that not all processes come at once.
    retryStrategy: attempt =>
      Math.min(MAX_RECONNECT_MS, 25 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2),
  }
}

/** Closes a connection and waits until it is gone. */
async function end(redis: Redis): Promise<void> {
  // Between two attempts there is no connection, and no event would tell of its end.
  const isOpen = redis.status === 'ready' || redis.status === 'connect' || redis.status === 'connecting'
  const ended = new Promise<void>(done => {
    redis.once('end', () => done())
  })
  redis.disconnect()
  if (!isOpen) return
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>(done => {
    timer = setTimeout(() => {
      redis.stream?.destroy()
      done()
    }, SILENCE_MS)
  })
  await Promise.race([ended, late])
  clearTimeout(timer)
}
