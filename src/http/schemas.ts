import { type TSchema, Type } from 'typebox'
import { PROBLEMS, type ProblemCode } from '../lib/problems.ts'

/** Pieces that the schemas of all modules are made of. */

/** An object whose unknown fields are refused, not dropped. */
export const Strict: typeof Type.Object = ((properties: Record<string, TSchema>, options: object = {}) =>
  Type.Object(properties, { additionalProperties: false, ...options })) as typeof Type.Object

export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

/** The pattern too: the format alone allows `urn:uuid:`, which PostgreSQL does not. */
export const Id = Type.String({
  format: 'uuid',
  pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
  description: 'Opaque identifier',
  examples: ['019b76da-a800-7c4b-9569-42c482582c28'],
})

export const Instant = Type.String({ format: 'date-time', examples: ['2026-03-07T23:30:00.000Z'] })

export const Cursor = Type.String({
  minLength: 1,
  maxLength: 500,
  description: 'Where the page before ended',
})

/** What the client chose for one intention, so that sending it again does not do it again. */
export const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'The same key with the same body gets the same answer for 24 hours; required of staff',
      examples: ['5b0f1f0e-coupure-de-demain'],
    }),
  ),
})

export const PageQuery = Strict({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 20 })),
  cursor: Type.Optional(Cursor),
})

export const Page = <T extends TSchema>(item: T) =>
  Type.Object({ items: Type.Array(item), nextCursor: Nullable(Type.String()) })

const codes = Object.keys(PROBLEMS) as ProblemCode[]

/** RFC 9457 `application/problem+json`. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'Address of the explanation' }),
    title: Type.String({ description: 'In the language of Accept-Language' }),
    status: Type.Integer(),
    code: Type.String({ enum: codes, description: 'Stable' }),
    detail: Type.Optional(Type.String()),
    requestId: Type.String(),
    errors: Type.Optional(Type.Array(Type.Object({ field: Type.String(), message: Type.String() }))),
  },
  { $id: 'Problem', description: 'An error, as RFC 9457 says' },
)
