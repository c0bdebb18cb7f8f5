const TIME_MS = 10_000

/** The number that a question to Prometheus gives, null when it gives none. Rejects when Prometheus does not answer. */
export async function ask(url: string, query: string): Promise<number | null> {
  const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(query)}`, {
    signal: AbortSignal.timeout(TIME_MS),
  })
  if (!answer.ok) throw new Error(`Prometheus answered ${answer.status}`)
  const body = (await answer.json()) as { data?: { result?: { value: [number, string] }[] } }
  const value = Number(body.data?.result?.[0]?.value[1])
  return Number.isFinite(value) ? value : null
}
