import { type Static, Type } from 'typebox'
import { Id, Instant, Nullable, Page, PageQuery, Strict } from '../../http/index.ts'

const OneOf = <const T extends string[]>(values: [...T], options: object = {}) =>
  Type.Enum(values, { type: 'string', ...options })

/** One line of text: no control characters, something to see. */
const line = (maxLength: number, options: object = {}) =>
  Type.String({
    minLength: 1,
    maxLength,
    pattern: '^ *[^\\s\\p{Cc}][^\\p{Cc}]*$',
    ...options,
  })

const Language = OneOf(['fr', 'en', 'wo'], { description: 'French, English, Wolof', examples: ['fr'] })
const Role = OneOf(['customer', 'agent', 'admin'])
const Platform = OneOf(['android', 'ios', 'web'], { examples: ['android'] })
const FirstName = line(80, { description: 'Spaces around it are dropped', examples: ['Awa'] })
const LastName = line(80, { description: 'Spaces around it are dropped', examples: ['Diop'] })
const Phone = Type.String({
  minLength: 1,
  maxLength: 40,
  description: 'A Senegalese mobile number, however it is written',
  examples: ['77 123 45 67'],
})
const Pin = Type.String({ pattern: '^[0-9]{4,6}$', description: 'Four to six digits', examples: ['7394'] })
const Code = Type.String({
  pattern: '^[0-9]{6}$',
  description: 'The six digits of the SMS',
  examples: ['402918'],
})
const PushToken = Type.String({
  minLength: 1,
  maxLength: 2_000,
  pattern: '^[\\x21-\\x7e]+$',
  description: 'FCM registration token; it moves here from whoever had it',
  examples: ['sim-awa'],
})
const Installation = line(100, {
  description: 'Chosen by the app once per installation',
  examples: ['5a0b4c77-9f3a'],
})
const DeviceName = line(80, { description: 'As its owner knows it', examples: ['Tecno d’Awa'] })
const Secret = (description: string) => Type.String({ minLength: 1, maxLength: 200, description })

const Device = Strict(
  {
    id: Installation,
    name: Type.Optional(DeviceName),
    platform: Type.Optional(Platform),
    pushToken: Type.Optional(PushToken),
  },
  { description: 'The installation of the app that asks' },
)
export type DeviceBody = Static<typeof Device>

export const CodeRequest = Strict({
  phone: Phone,
  purpose: OneOf(['register', 'device', 'pin-reset'], { examples: ['device'] }),
})
export const CodeSent = Type.Object({
  expiresIn: Type.Integer({ description: 'Seconds that the code lives', examples: [300] }),
  retryAfter: Type.Integer({ description: 'Seconds until another may be asked for', examples: [60] }),
})

export const Registration = Strict({
  phone: Phone,
  code: Code,
  pin: Pin,
  firstName: FirstName,
  lastName: LastName,
  language: Type.Optional(Language),
  device: Device,
})
export type Registration = Static<typeof Registration>

const PinGrant = Strict(
  {
    grant: Type.Literal('pin'),
    phone: Phone,
    pin: Pin,
    device: Device,
    deviceSecret: Type.Optional(Secret('What this device was given when a code proved it')),
    code: Type.Optional(Code),
  },
  { title: 'Customer, on a device that is proved or with the code that proves it' },
)
export type PinGrant = Static<typeof PinGrant>
const PasswordGrant = Strict(
  {
    grant: Type.Literal('password'),
    login: Type.String({
      minLength: 1,
      maxLength: 100,
      pattern: '^[^\\p{Cc}]+$',
      examples: ['agent'],
    }),
    password: Secret('Of a member of staff'),
  },
  { title: 'Staff' },
)
export type PasswordGrant = Static<typeof PasswordGrant>
const RefreshGrant = Strict(
  {
    grant: Type.Literal('refresh'),
    refreshToken: Type.String({ minLength: 1, maxLength: 500 }),
  },
  { title: 'Whoever is signed in' },
)
export const TokenRequest = Type.Union([PinGrant, PasswordGrant, RefreshGrant])

export const User = Type.Object({
  id: Id,
  role: Role,
  phone: Nullable(Type.String({ description: 'E.164; of customers', examples: ['+221771234567'] })),
  login: Nullable(Type.String({ description: 'Of staff' })),
  firstName: Type.String({ examples: ['Awa'] }),
  lastName: Type.String({ examples: ['Diop'] }),
  language: Language,
  agencyId: Nullable(Type.String({ description: 'Of agents' })),
  createdAt: Instant,
})
export type User = Static<typeof User>

export const TokenAnswer = Type.Object({
  accessToken: Type.String({ description: 'For `Authorization: Bearer`' }),
  refreshToken: Type.String({ description: 'Good for one refresh, within seven days' }),
  expiresIn: Type.Integer({ description: 'Seconds that the access token lives', examples: [1800] }),
  user: User,
  deviceSecret: Type.Optional(
    Type.String({ description: 'Given once, when a code has proved the device: keep it safe' }),
  ),
})
export type TokenAnswer = Static<typeof TokenAnswer>

export const PinReset = Strict({ phone: Phone, code: Code, pin: Pin })
export const PinChange = Strict({ currentPin: Pin, pin: Pin })
export const SignOut = Nullable(
  Strict({
    all: Type.Optional(Type.Boolean({ description: 'Every session of the account', examples: [false] })),
  }),
)

export const ProfileChange = Strict(
  {
    firstName: Type.Optional(FirstName),
    lastName: Type.Optional(LastName),
    language: Type.Optional(Language),
  },
  { minProperties: 1 },
)
export type ProfileChange = Static<typeof ProfileChange>

export const DeviceRegistration = Strict({
  id: Installation,
  platform: Platform,
  pushToken: PushToken,
  name: Type.Optional(DeviceName),
})
export type DeviceRegistration = Static<typeof DeviceRegistration>

export const DeviceAnswer = Type.Object({
  id: Type.String({ description: 'The installation' }),
  name: Nullable(Type.String()),
  platform: Nullable(Platform),
  push: Type.Boolean({ description: 'Whether it gets pushes' }),
  proved: Type.Boolean({ description: 'Whether an SMS code proved it' }),
  current: Type.Boolean({ description: 'Whether it is the one that asks' }),
  createdAt: Instant,
  lastSeenAt: Instant,
})
export type DeviceAnswer = Static<typeof DeviceAnswer>
export const DevicePage = Page(DeviceAnswer)
export const DeviceParams = Strict({ id: Installation })

export const SessionAnswer = Type.Object({
  id: Id,
  current: Type.Boolean({ description: 'Whether it is the one that asks' }),
  device: Nullable(
    Type.Object({
      id: Type.String(),
      name: Nullable(Type.String()),
      platform: Nullable(Platform),
    }),
  ),
  userAgent: Nullable(Type.String()),
  createdAt: Instant,
  lastUsedAt: Instant,
  expiresAt: Instant,
})
export type SessionAnswer = Static<typeof SessionAnswer>
export const SessionPage = Page(SessionAnswer)

export const IdParams = Strict({ id: Id })

export const CustomerQuery = Strict({
  ...PageQuery.properties,
  query: line(100, {
    description: 'A phone number, a meter or contract account number, or how a first or last name starts',
    examples: ['Diop'],
  }),
})
export type CustomerQuery = Static<typeof CustomerQuery>

const customer = {
  id: Id,
  phone: Type.String({ examples: ['+221771234567'] }),
  firstName: Type.String({ examples: ['Awa'] }),
  lastName: Type.String({ examples: ['Diop'] }),
  language: Language,
  disabled: Type.Boolean(),
  createdAt: Instant,
}
export const Customer = Type.Object(customer)
export type Customer = Static<typeof Customer>
export const CustomerPage = Page(Customer)

const Link = Type.Object({
  id: Id,
  kind: OneOf(['prepaid', 'postpaid']),
  number: Type.String({ examples: ['14100000018'] }),
  role: OneOf(['owner', 'guest']),
  status: OneOf(['pending', 'active', 'rejected', 'revoked']),
  default: Type.Boolean(),
  agency: Nullable(Type.Object({ id: Type.String(), name: Type.String() })),
  requestedAt: Instant,
  activatedAt: Nullable(Instant),
  endedAt: Nullable(Instant),
})
export const CustomerDetail = Type.Object({
  ...customer,
  devices: Type.Integer({ description: 'How many devices they use' }),
  lastSeenAt: Nullable(Instant),
  links: Type.Array(Link, { description: 'The newest 100; for an agent those of their agency' }),
})
export type CustomerDetail = Static<typeof CustomerDetail>
