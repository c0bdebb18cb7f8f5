import { type Static, type TOptional, Type } from 'typebox'
import { Nullable, Strict } from '../../http/index.ts'
import { CHOSEN_TYPES, type ChosenType } from './types.ts'

const names = Object.keys(CHOSEN_TYPES) as ChosenType[]

const Channels = (description: string) =>
  Strict(
    { push: Type.Boolean({ examples: [false] }) },
    { description: `${description}. The inbox has it always` },
  )
type Channels = ReturnType<typeof Channels>

const each = <Schema>(make: (type: ChosenType) => Schema) =>
  Object.fromEntries(names.map(name => [name, make(name)])) as Record<ChosenType, Schema>

const Time = (examples: string[]) =>
  Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', description: 'Dakar’s time', examples })

const QuietHoursSchema = Nullable(
  Strict(
    { from: Time(['22:00']), to: Time(['06:00']) },
    { description: 'What comes meanwhile is pushed when they are over, urgent ones at once' },
  ),
)

export const Preferences = Strict({
  types: Strict(each(type => Channels(CHOSEN_TYPES[type]))),
  quietHours: QuietHoursSchema,
})
export type Preferences = Static<typeof Preferences>

export const PreferencesBody = Strict(
  {
    types: Type.Optional(
      Strict(each((type): TOptional<Channels> => Type.Optional(Channels(CHOSEN_TYPES[type])))),
    ),
    quietHours: Type.Optional(QuietHoursSchema),
  },
  {
    description:
      'Takes the place of what was; what is left out is as for who never chose: all pushed, no quiet hours',
  },
)
export type PreferencesBody = Static<typeof PreferencesBody>
