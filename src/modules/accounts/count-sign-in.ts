import { Problem } from '../../lib/problems.ts'
import { metrics } from '../../observability/index.ts'

/** Signs somebody in, and counts what became of it. */
export async function countSignIn<T>(grant: string, signIn: () => Promise<T>): Promise<T> {
  let outcome = 'internal'
  try {
    const answer = await signIn()
    outcome = 'ok'
    return answer
  } catch (error) {
    if (error instanceof Problem) outcome = error.code
    throw error
  } finally {
    metrics.signIns.inc({ grant, outcome })
  }
}
