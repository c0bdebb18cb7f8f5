/** The result of `work`, or a rejection after `ms` that says what was waited for. The work itself goes on. */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`Waited ${ms} ms in vain for ${what}.`)), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
