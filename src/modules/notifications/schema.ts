import { type Static, Type } from 'typebox'
import { Id, Instant, PageQuery, Strict } from '../../http/index.ts'

const words = (maxLength: number, example: string) =>
  Type.String({ minLength: 1, maxLength, pattern: '\\S', examples: [example] })

const Words = Strict({
  title: words(100, 'Coupure prévue demain'),
  body: words(1_000, 'Des travaux auront lieu de 9 h à 12 h dans votre quartier.'),
})

/** The same message in the languages that it exists in. */
export const Content = Strict(
  { fr: Words, en: Type.Optional(Words), wo: Type.Optional(Words) },
  { description: 'French always; who chose another language gets theirs where it is there' },
)
export type Content = Static<typeof Content>

export const InboxItem = Type.Object({
  id: Id,
  type: Type.String({ description: 'What it is about', examples: ['topup', 'announcement'] }),
  title: Type.String({ examples: ['Coupure prévue demain'] }),
  body: Type.String({ examples: ['Des travaux auront lieu de 9 h à 12 h dans votre quartier.'] }),
  createdAt: Instant,
  read: Type.Boolean(),
  broadcast: Type.Boolean({ description: 'Said to many: everyone, an agency, those who follow a meter' }),
  data: Type.Optional(
    Type.Record(Type.String(), Type.String(), { description: 'What the app opens when it is touched' }),
  ),
})
export type InboxItem = Static<typeof InboxItem>

export const InboxQuery = Strict({
  ...PageQuery.properties,
  unread: Type.Optional(Type.Boolean({ default: false, description: 'Only what is not read yet' })),
})
export type InboxQuery = Static<typeof InboxQuery>

/** Counted no further. */
export const MOST_UNREAD = 1_000

export const UnreadCount = Type.Object({
  count: Type.Integer({
    minimum: 0,
    maximum: MOST_UNREAD,
    description: `Counted up to ${MOST_UNREAD}`,
    examples: [3],
  }),
})

export const Named = Strict({ id: Id })

export const StaffNotification = Strict(
  {
    customerId: Type.Optional(Id),
    meterNumber: Type.Optional(
      Type.String({
        pattern: '^[0-9][0-9 ]{3,24}$',
        description:
          'Everyone with an active link to this meter or contract account, each in their own inbox',
        examples: ['14100000018'],
      }),
    ),
    priority: Type.Optional(Type.Enum(['urgent', 'high', 'normal', 'low'], { default: 'normal' })),
    type: Type.Optional(Type.String({ pattern: '^[a-z][a-z0-9-]{0,39}$', default: 'message' })),
    content: Content,
    expiresIn: Type.Optional(
      Type.Integer({
        minimum: 60,
        maximum: 2_419_200,
        default: 86_400,
        description: 'Seconds after which it is not sent to devices any more; it stays in the inbox',
      }),
    ),
  },
  { description: 'Either customerId or meterNumber' },
)
export type StaffNotification = Static<typeof StaffNotification>

export const Accepted = Type.Object({
  id: Id,
  ids: Type.Array(Id, { description: 'One for each customer told; `id` is the first' }),
})
