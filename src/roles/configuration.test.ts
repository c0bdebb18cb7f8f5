import { describe, expect, it } from 'vitest'
import { testConfig } from '../../test/harness.ts'
import { type Config, SETTINGS } from '../config.ts'
import { shownConfiguration } from './configuration.ts'

const PROXY = 'http://samaconso:p@ss/w0rd-of-the-proxy@192.0.2.7:3128'
const config = testConfig({ FCM_PROXY_URL: PROXY, LOG_LEVEL: 'warn', WORKER_SLOTS: '7' })
const shown = new Map(shownConfiguration(config).map(one => [one.name, one]))

describe('the configuration that an operator sees', () => {
  it('has every setting, and says which were chosen', () => {
    expect(shown.size).toBe(Object.keys(SETTINGS).length)
    expect(shown.get('WORKER_SLOTS')).toEqual({ name: 'WORKER_SLOTS', value: '7', isDefault: false })
    expect(shown.get('PUSH_CHUNK')).toEqual({ name: 'PUSH_CHUNK', value: '500', isDefault: true })
    expect(shown.get('TRUSTED_BALANCERS')).toEqual({ name: 'TRUSTED_BALANCERS', value: '', isDefault: true })
  })

  it('holds no secret, not even within an address', () => {
    const text = JSON.stringify([...shown.values()])
    const secrets = Object.entries(SETTINGS).flatMap(([key, setting]) => {
      const value = String(config[key as keyof Config])
      return setting.secret && value ? [[setting.env, value] as const] : []
    })
    expect(secrets.length).toBeGreaterThan(5)
    for (const [name, value] of secrets) {
      expect(shown.get(name)?.value).toBeNull()
      expect(text).not.toContain(JSON.stringify(value).slice(1, -1))
    }
    expect(shown.get('FCM_PROXY_URL')?.value).toBe('http://•@192.0.2.7:3128')
  })

  it('says of a secret that is not given that it is not', () => {
    expect(shown.get('MONITOR_VIEWER_PASSWORD')).toMatchObject({ value: '', isDefault: true })
  })
})
