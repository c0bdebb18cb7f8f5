import { type Static, Type } from 'typebox'
import { Id, Instant, Nullable, Page, Strict } from '../../http/index.ts'
import { Agency } from '../agencies/index.ts'

const KINDS = ['prepaid', 'postpaid'] as const
const ROLES = ['owner', 'guest'] as const
const STATUSES = ['pending', 'active', 'rejected', 'revoked'] as const

export type MeterKind = (typeof KINDS)[number]
export type LinkRole = (typeof ROLES)[number]
export type LinkStatus = (typeof STATUSES)[number]

const Kind = Type.Unsafe<MeterKind>(
  Type.String({
    enum: [...KINDS],
    description: 'A Woyofal meter, or a contract account that is billed',
    examples: ['prepaid'],
  }),
)
const Role = Type.Unsafe<LinkRole>(
  Type.String({ enum: [...ROLES], description: 'The holder, or somebody let in', examples: ['owner'] }),
)
const Status = Type.Unsafe<LinkStatus>(Type.String({ enum: [...STATUSES], examples: ['active'] }))
const MeterNumber = Type.String({
  description: 'Meter number, or contract account without leading zeros',
  examples: ['14100000018'],
})
const Label = Type.String({
  minLength: 1,
  maxLength: 60,
  pattern: '^ *[^\\s\\p{Cc}][^\\p{Cc}]*$',
  description: 'The customer’s own name for it',
  examples: ['Maison'],
})

const link = {
  id: Id,
  kind: Kind,
  number: MeterNumber,
  role: Role,
  status: Status,
  default: Type.Boolean({ description: 'The one that the app opens with' }),
  label: Nullable(Label),
  requestedAt: Instant,
  agency: Nullable(Agency),
  tariff: Nullable(Type.String({ description: 'Code, as in /v1/tariffs', examples: ['DPP'] })),
  address: Nullable(Type.String({ examples: ['Rue 12, Médina'] })),
}

/** What a customer sees of a meter through their link to it. */
export const MeterLink = Type.Object(link, {
  description:
    'A customer’s tie to a meter. `agency`, `tariff` and `address` are null until it is active, or unknown.',
})
export type MeterLink = Static<typeof MeterLink>

export const NewMeterLink = Type.Object({
  ...link,
  warning: Type.Optional(
    Type.String({
      enum: ['check_digit'],
      description: 'The last digit does not fit the others: the number may be mistyped',
    }),
  ),
})
export type NewMeterLink = Static<typeof NewMeterLink>

export const MeterLinkPage = Page(MeterLink)

export const LinkRequest = Strict({
  kind: Kind,
  number: Type.String({
    minLength: 1,
    maxLength: 40,
    description: 'Eleven digits, or a contract account; spaces do not count',
    examples: ['14100000018'],
  }),
})

export const LinkChange = Strict(
  {
    label: Type.Optional(Nullable(Label)),
    default: Type.Optional(Type.Literal(true, { description: 'Only an active link can become the default' })),
  },
  { minProperties: 1 },
)
export type LinkChange = Static<typeof LinkChange>

const Person = {
  firstName: Type.String({ examples: ['Awa'] }),
  lastName: Type.String({ examples: ['Diop'] }),
  phone: Type.String({ examples: ['+221770000002'] }),
}

export const Guest = Type.Object(
  {
    id: Type.String({
      format: 'uuid',
      description: 'The guest’s link: what approve, reject and revoke take',
    }),
    status: Status,
    requestedAt: Instant,
    decidedAt: Nullable(Instant),
    guest: Type.Object(Person),
  },
  { description: 'Somebody who follows the owner’s meter, or asks to' },
)
export type Guest = Static<typeof Guest>

export const GuestPage = Page(Guest)

export const StaffLink = Type.Object(
  {
    id: Id,
    role: Role,
    status: Status,
    requestedAt: Instant,
    decidedAt: Nullable(Instant),
    customer: Type.Object({ id: Id, ...Person }),
    meter: Type.Object({
      kind: Kind,
      number: MeterNumber,
      agency: Nullable(Agency),
      tariff: Nullable(Type.String()),
      address: Nullable(Type.String()),
      holder: Type.Object(
        { name: Nullable(Type.String()), phone: Nullable(Type.String()) },
        { description: 'As Senelec has them on file' },
      ),
      hasOwner: Type.Boolean({ description: 'Whether a customer owns it, who can decide too' }),
    }),
  },
  { description: 'A link as the staff in charge of the meter see it' },
)
export type StaffLink = Static<typeof StaffLink>

export const StaffLinkPage = Page(StaffLink)

export const LinkPath = Strict({ linkId: Id })
export const GuestPath = Strict({ linkId: Id, guestLinkId: Id })
export const StaffLinkPath = Strict({ id: Id })
