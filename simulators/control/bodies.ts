import { type Static, type TSchema, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { BEHAVIOUR_OUTCOMES, type Behaviour } from '../fcm/index.ts'
import { PROXY_MODES, PROXY_TROUBLES, type ProxyBehaviour } from '../proxy/index.ts'
import { invalid } from './problems.ts'

const Latency = Type.Integer({ minimum: 0, maximum: 600_000 })

const PushBehaviour = Type.Object(
  {
    outcome: Type.String(),
    share: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    latencyMs: Type.Optional(Latency),
    for: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    retryAfterSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400 })),
    deviceQuota: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)

const TopUp = Type.Object(
  {
    meter: Type.String({ maxLength: 20 }),
    amountXof: Type.Integer(),
    at: Type.Optional(Type.String({ maxLength: 40 })),
  },
  { additionalProperties: false },
)

const SystemBehaviour = Type.Object(
  { system: Type.String(), mode: Type.String(), latencyMs: Type.Optional(Latency) },
  { additionalProperties: false },
)

const ProxyOrder = Type.Object(
  {
    mode: Type.Optional(Type.String()),
    trouble: Type.Optional(Type.String()),
    latencyMs: Type.Optional(Latency),
  },
  { additionalProperties: false },
)

const checks = {
  push: reader(PushBehaviour),
  topUp: reader(TopUp),
  system: reader(SystemBehaviour),
  proxy: reader(ProxyOrder),
}

/** `share` is 1 and `latencyMs` 0 when not said. Throws a `ControlError` that names the field. */
export function readPushBehaviour(body: unknown): Behaviour {
  const given = checks.push(body)
  if (!BEHAVIOUR_OUTCOMES.includes(given.outcome)) {
    throw invalid(`outcome: one of ${BEHAVIOUR_OUTCOMES.join(', ')}`)
  }
  if (given.outcome === 'dead' && given.for !== undefined) {
    throw invalid('for: a dead FCM is dead for every device')
  }
  return {
    ...given,
    outcome: given.outcome as Behaviour['outcome'],
    share: given.share ?? 1,
    latencyMs: given.latencyMs ?? 0,
  }
}

export function readTopUp(body: unknown): { meter: string; amountXof: number; at?: Date } {
  const { meter, amountXof, at } = checks.topUp(body)
  if (at === undefined) return { meter, amountXof }
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) throw invalid('at: a date and time in ISO 8601')
  return { meter, amountXof, at: date }
}

export const readSystemBehaviour = (body: unknown): Static<typeof SystemBehaviour> => checks.system(body)

/** What is not said stays as it is. Throws a `ControlError` that names the field. */
export function readProxyBehaviour(body: unknown, now: ProxyBehaviour): ProxyBehaviour {
  const given = checks.proxy(body)
  return {
    mode: oneOf('mode', PROXY_MODES, given.mode ?? now.mode),
    trouble: oneOf('trouble', PROXY_TROUBLES, given.trouble ?? now.trouble),
    latencyMs: given.latencyMs ?? now.latencyMs,
  }
}

function oneOf<Value extends string>(field: string, known: readonly Value[], given: string): Value {
  const value = known.find(one => one === given)
  if (value === undefined) throw invalid(`${field}: one of ${known.join(', ')}`)
  return value
}

function reader<Schema extends TSchema>(schema: Schema): (body: unknown) => Static<Schema> {
  const check = Compile(schema)
  return body => {
    if (check.Check(body)) return body as Static<Schema>
    const [first] = check.Errors(body)
    throw invalid(
      `${first?.instancePath.slice(1).replaceAll('/', '.') || 'body'}: ${first?.message ?? 'invalid'}`,
    )
  }
}
