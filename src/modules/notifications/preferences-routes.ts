import type { App } from '../../http/index.ts'
import { contextOf, type Services } from '../../services.ts'
import { changePreferences, showPreferences } from './preferences.ts'
import { Preferences, PreferencesBody } from './preferences-schema.ts'

const config = { access: 'customer' } as const
const tags = ['me']

/** What a customer wants on their devices, and when. */
export function preferencesRoutes(app: App, services: Services): void {
  app.get(
    '/v1/me/preferences',
    {
      config,
      schema: { tags, summary: 'What is pushed to my devices, and when', response: { 200: Preferences } },
    },
    request => showPreferences(contextOf(services, request)),
  )
  app.put(
    '/v1/me/preferences',
    {
      config,
      schema: {
        tags,
        summary: 'Choose what is pushed to my devices, and when',
        description: 'The inbox has everything in any case.',
        body: PreferencesBody,
        response: { 200: Preferences },
      },
    },
    request => changePreferences(contextOf(services, request), request.body),
  )
}
