import { Lru } from './lru.ts'

const MAX_SCOPES = 200_000

/** The versions of scopes as one process knows them: those that it bumped itself. */
export interface Versions {
  /** The versions of these scopes as one text that no other scopes or versions give. */
  of(scopes: readonly string[]): string
  bump(scopes: readonly string[]): void
}

export function openVersions(): Versions {
  const versions = new Lru<number>(MAX_SCOPES)
  // A forgotten scope starts again at a number that was never used, so what was kept under it stays unreachable.
  let next = 0

  const version = (scope: string): number => {
    let known = versions.get(scope)
    if (known === undefined) {
      known = ++next
      versions.set(scope, known)
    }
    return known
  }

  return {
    of(scopes) {
      let text = `${scopes.length}`
      for (const scope of scopes) text += `|${version(scope)}`
      return text
    },
    bump(scopes) {
      for (const scope of scopes) versions.set(scope, ++next)
    },
  }
}
