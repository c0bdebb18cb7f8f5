import { type TSchema, Type } from 'typebox'
import { Strict } from '../../http/schemas.ts'
import { QUEUES } from '../../tasks/index.ts'

/**
 * What the monitor answers, a file for each subject: openapi-monitor.json and the types of its page are made from these,
 * handlers are typed by them, and every answer that a test gets is held against them. A schema with a title is a type of its
 * own there. Here is what their fields are made of.
 */
export const Text = Type.String()
export const Count = Type.Integer()
export const Ms = Type.Number()
/** Dates of the database become text on the way out. */
export const Time = Type.Unsafe<Date | string>({ type: 'string', format: 'date-time' })
export const Flag = Type.Boolean()
export const named = (title: string) => ({ title })
export const Anything = Type.Unknown()

export const QueueName = Type.Enum(QUEUES, named('QueueName'))
export const Health = Type.Enum(['ok', 'down'], named('Health'))
export const List = <T extends TSchema>(item: T) => Strict({ items: Type.Array(item) })
/** Which of the two that may be away answered. */
export const both = { broker: Health, database: Health }
