import { useSyncExternalStore } from 'react'

export type Language = 'fr' | 'en'

const KEY = 'language'
const listeners = new Set<() => void>()
let current: Language = stored() ?? (navigator.language.startsWith('en') ? 'en' : 'fr')
apply()

function stored(): Language | undefined {
  const value = localStorage.getItem(KEY)
  return value === 'fr' || value === 'en' ? value : undefined
}

function apply(): void {
  document.documentElement.lang = current
}

/** French unless the browser speaks English or the person chose. */
export const useLanguage = (): Language =>
  useSyncExternalStore(
    listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => current,
  )

export function choose(language: Language): void {
  current = language
  localStorage.setItem(KEY, language)
  apply()
  for (const tell of listeners) tell()
}

const locale = (): string => (current === 'fr' ? 'fr-FR' : 'en-GB')

/** Times are those of Senegal, wherever who looks is. */
const formatOf = (options: Intl.DateTimeFormatOptions) => {
  const made = new Map<string, Intl.DateTimeFormat>()
  return (at: string | Date | null | undefined): string => {
    if (!at) return '–'
    const key = locale()
    let format = made.get(key)
    if (!format) {
      format = new Intl.DateTimeFormat(key, { timeZone: 'Africa/Dakar', ...options })
      made.set(key, format)
    }
    return format.format(new Date(at))
  }
}

export const clockTime = formatOf({ timeStyle: 'medium' })
export const dateTime = formatOf({ dateStyle: 'short', timeStyle: 'medium' })

export const count = (value: number | null | undefined): string =>
  value === null || value === undefined ? '?' : value.toLocaleString(locale())

/** 850 ms, 2,4 s, 3 min 20 s, 2 h 5 min. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–'
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toLocaleString(locale(), { maximumFractionDigits: 1 })} s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`
}

export const megabytes = (bytes: number): string =>
  `${count(Math.round(bytes / 1e6))} ${current === 'fr' ? 'Mo' : 'MB'}`
