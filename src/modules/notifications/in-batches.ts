import { Problem } from '../../lib/problems.ts'

interface Asked<Question, Answer> {
  question: Question
  resolve: (answer: Answer) => void
  reject: (error: unknown) => void
}

/**
 * Asks many questions by few statements: one that is asked while `atOnce` are being answered goes out with those that
 * wait beside it, at most `together`. So a quiet moment costs nothing, and the more is asked the less each costs. More
 * than `waiting` are refused with `Problem('unavailable')`; what fails fails for all that went together.
 */
export function inBatches<Question, Answer>(
  ask: (questions: readonly Question[]) => Promise<Answer[]>,
  limits: { atOnce: number; together: number; waiting: number },
): (question: Question) => Promise<Answer> {
  const queue: Asked<Question, Answer>[] = []
  let running = 0

  async function answer(batch: readonly Asked<Question, Answer>[]): Promise<void> {
    try {
      const answers = await ask(batch.map(({ question }) => question))
      for (const [i, { resolve }] of batch.entries()) resolve(answers[i] as Answer)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  async function run(): Promise<void> {
    running++
    while (queue.length > 0) await answer(queue.splice(0, limits.together))
    running--
  }

  return question =>
    new Promise((resolve, reject) => {
      if (queue.length >= limits.waiting) {
        reject(new Problem('unavailable', { retryAfter: 2 }))
        return
      }
      queue.push({ question, resolve, reject })
      if (running < limits.atOnce) void run()
    })
}
