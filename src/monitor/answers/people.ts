import { Type } from 'typebox'
import { Nullable, Strict } from '../../http/schemas.ts'
import { Anything, Flag, Health, named, Text, Time } from './fields.ts'

export const Me = Strict({ user: Text, mayAct: Flag, readOnly: Flag, version: Text }, named('Me'))

export const AuditPage = Strict(
  {
    items: Type.Array(
      Strict({
        id: Text,
        at: Time,
        who: Text,
        action: Text,
        object: Nullable(Text),
        detail: Type.Record(Text, Anything),
        requestId: Nullable(Text),
      }),
    ),
    nextCursor: Nullable(Text),
    database: Health,
  },
  named('AuditPage'),
)
