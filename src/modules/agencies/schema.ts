import { type Static, Type } from 'typebox'

export const Agency = Type.Object(
  {
    id: Type.String({ description: 'Opaque identifier', examples: ['1'] }),
    name: Type.String({ examples: ['Dakar-Plateau'] }),
  },
  { description: 'A branch of Senelec' },
)
export type Agency = Static<typeof Agency>

export const AgencyList = Type.Object({ items: Type.Array(Agency) })
