import { type ErrorReply, invalidField, messageTooBig } from './errors.ts'

/** A message that passed the check, as far as the simulator looks at it. */
export interface Message {
  token: string
  notification?: { title?: string; body?: string; image?: string }
  data?: Record<string, string>
  android?: { priority?: string; ttl?: string; notification?: { tag?: string } }
  apns?: { headers?: Record<string, string> }
  webpush?: { headers?: Record<string, string>; notification?: { tag?: string } }
}

/** A message as a device received it. */
export interface ReceivedPush {
  /** ms since the epoch. */
  at: number
  token: string
  notificationId: string
  title: string
  body: string
  message: Message
}

type Kind = 'string' | 'boolean' | 'integer' | 'strings' | 'texts' | 'struct' | 'priority' | 'ttl'
interface Shape {
  [field: string]: Kind | Shape
}

const FCM_OPTIONS: Shape = { analytics_label: 'string', image: 'string', link: 'string' }

/** The resource `projects.messages` of the HTTP v1 reference; both spellings of a field are accepted, as Google does. */
const MESSAGE = bothSpellings({
  name: 'string',
  token: 'string',
  topic: 'string',
  condition: 'string',
  notification: { title: 'string', body: 'string', image: 'string' },
  data: 'texts',
  fcm_options: FCM_OPTIONS,
  android: {
    collapse_key: 'string',
    priority: 'priority',
    ttl: 'ttl',
    restricted_package_name: 'string',
    data: 'texts',
    direct_boot_ok: 'boolean',
    bandwidth_constrained_ok: 'boolean',
    fcm_options: FCM_OPTIONS,
    notification: {
      title: 'string',
      body: 'string',
      icon: 'string',
      color: 'string',
      sound: 'string',
      tag: 'string',
      click_action: 'string',
      body_loc_key: 'string',
      body_loc_args: 'strings',
      title_loc_key: 'string',
      title_loc_args: 'strings',
      channel_id: 'string',
      ticker: 'string',
      sticky: 'boolean',
      event_time: 'string',
      local_only: 'boolean',
      notification_priority: 'string',
      default_sound: 'boolean',
      default_vibrate_timings: 'boolean',
      default_light_settings: 'boolean',
      vibrate_timings: 'strings',
      visibility: 'string',
      notification_count: 'integer',
      light_settings: 'struct',
      image: 'string',
      proxy: 'string',
    },
  },
  apns: { headers: 'texts', payload: 'struct', live_activity_token: 'string', fcm_options: FCM_OPTIONS },
  webpush: { headers: 'texts', data: 'texts', notification: 'struct', fcm_options: FCM_OPTIONS },
})

const REQUEST: Shape = { message: MESSAGE, validate_only: 'boolean', validateOnly: 'boolean' }

/** Android and Apple carry at most this much of notification and data. */
const LARGEST_PAYLOAD = 4096
const LONGEST_TTL_S = 2_419_200
const RESERVED_KEY = /^(from|message_type|gcm.*|google.*)$/

/** Checks a request body as FCM would; the message, or the answer that FCM gives. */
export function readMessage(body: Buffer): Message | ErrorReply {
  let request: unknown
  try {
    request = JSON.parse(body.toString('utf8'))
  } catch {
    return invalidField('', 'Invalid JSON payload received. Unexpected token.')
  }
  if (!isStruct(request)) return invalidField('', 'Invalid JSON payload received. Expected an object.')
  const fault = faultOf(request, REQUEST, '')
  if (fault) return fault
  const message = request.message as Message | undefined
  if (!message?.token) return invalidField('message', 'Recipient of the message is not set.')
  for (const key in message.data) {
    if (RESERVED_KEY.test(key)) return invalidField('message.data', `Invalid data payload key: ${key}`)
  }
  if (body.length > LARGEST_PAYLOAD && payloadSize(message) > LARGEST_PAYLOAD) return messageTooBig()
  return message
}

const payloadSize = (message: Message): number =>
  Buffer.byteLength(JSON.stringify([message.notification ?? {}, message.data ?? {}]))

function faultOf(value: Record<string, unknown>, shape: Shape, at: string): ErrorReply | null {
  for (const name in value) {
    const field = at === '' ? name : `${at}.${name}`
    const kind = Object.hasOwn(shape, name) ? shape[name] : undefined
    if (kind === undefined) {
      return invalidField(
        at,
        `Invalid JSON payload received. Unknown name "${name}" at '${at}': Cannot find field.`,
      )
    }
    const inner = value[name]
    if (typeof kind === 'object') {
      if (!isStruct(inner)) return invalidField(field, `Invalid value at '${field}' (expected an object)`)
      const fault = faultOf(inner, kind, field)
      if (fault) return fault
    } else if (!fits(inner, kind)) {
      return invalidField(field, `Invalid value at '${field}' (${kind})`)
    }
  }
  return null
}

function fits(value: unknown, kind: Kind): boolean {
  switch (kind) {
    case 'string':
      return typeof value === 'string'
    case 'boolean':
      return typeof value === 'boolean'
    case 'integer':
      return Number.isInteger(value)
    case 'strings':
      return Array.isArray(value) && value.every(item => typeof item === 'string')
    case 'texts':
      return isStruct(value) && allStrings(value)
    case 'struct':
      return isStruct(value)
    case 'priority':
      return value === 'HIGH' || value === 'NORMAL' || value === 'high' || value === 'normal'
    case 'ttl':
      return isTtl(value)
  }
}

function isTtl(value: unknown): boolean {
  if (typeof value !== 'string' || !/^\d{1,7}(\.\d{1,9})?s$/.test(value)) return false
  return Number.parseFloat(value) <= LONGEST_TTL_S
}

function allStrings(value: Record<string, unknown>): boolean {
  for (const key in value) if (typeof value[key] !== 'string') return false
  return true
}

const isStruct = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function bothSpellings(shape: Shape): Shape {
  const both: Shape = {}
  for (const [name, kind] of Object.entries(shape)) {
    const inner = typeof kind === 'object' ? bothSpellings(kind) : kind
    both[name] = inner
    both[name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())] = inner
  }
  return both
}
