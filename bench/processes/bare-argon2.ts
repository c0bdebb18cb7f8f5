// Nothing but argon2id: as many checks of a hash as go, the same number at once as the product does.
import { hash, verify } from '@node-rs/argon2'
import { ARGON2 } from '../../src/lib/secrets.ts'
import { answerParent } from '../lib/child.ts'

answerParent<object, object>(async () => {
  const secret = Buffer.alloc(32, 7)
  const kept = await hash('7394', { ...ARGON2, secret })
  return {
    ready: {},
    async answer({ atOnce, seconds }: { atOnce: number; seconds: number }): Promise<number> {
      const startedAt = performance.now()
      const endsAt = startedAt + seconds * 1_000
      let done = 0
      const line = async () => {
        while (performance.now() < endsAt) {
          if (!(await verify(kept, '7394', { secret }))) throw new Error('the hash does not match')
          done++
        }
      }
      await Promise.all(Array.from({ length: atOnce }, line))
      return (done / (performance.now() - startedAt)) * 1_000
    },
  }
})
