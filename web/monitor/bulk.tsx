import { useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { count } from '../shared/language.ts'
import type { RetriedAll, RevokedAll } from './api.ts'
import { call } from './client.ts'
import type { TaskFilter } from './pages/tasks.tsx'
import { useTexts } from './texts.ts'

type Command = 'retry' | 'revoke'
type Answer = Partial<RetriedAll & RevokedAll> & Pick<RetriedAll, 'matched' | 'more'>
type Step =
  | { kind: 'asks' }
  | { kind: 'counts' }
  | { kind: 'counted'; matched: number; more: boolean }
  | { kind: 'works'; done: number; of: number }
  | { kind: 'over'; done: number; missing: number; silent: string[]; stopped: boolean; more: boolean }
  | { kind: 'failed'; done: number; words: string }

/** Tasks of one request: small enough to see progress and to stop soon. */
const AT_ONCE = 50

/** Everything that a filter matches: counted first, then done piece by piece, until it is over or stopped. */
export function Bulk({ filter }: { filter: TaskFilter }) {
  const t = useTexts()
  const isEmpty = Object.keys(filter).length === 0
  if (isEmpty) return <p className="soft">{t.needFilter}</p>
  return (
    <div className="row">
      <BulkAct
        key={`retry ${JSON.stringify(filter)}`}
        command="retry"
        label={t.retryAll}
        text={t.retryAllText}
        filter={filter}
      />
      <BulkAct
        key={`revoke ${JSON.stringify(filter)}`}
        command="revoke"
        label={t.revokeAll}
        text={t.revokeAllText}
        filter={filter}
      />
    </div>
  )
}

function BulkAct(props: { command: Command; label: string; text: string; filter: TaskFilter }) {
  const { command, label, text, filter } = props
  const t = useTexts()
  const queries = useQueryClient()
  const dialog = useRef<HTMLDialogElement>(null)
  const isStopped = useRef(false)
  const [step, setStep] = useState<Step>({ kind: 'asks' })
  const send = (dryRun: boolean, limit: number, cursor?: string): Promise<Answer> =>
    command === 'retry'
      ? call('POST /api/tasks/retry', { body: { ...filter, dryRun, limit, cursor } })
      : call('POST /api/tasks/revoke', { body: { ...filter, dryRun, limit } })

  async function countThem() {
    setStep({ kind: 'counts' })
    try {
      const { matched, more } = await send(true, AT_ONCE)
      setStep({ kind: 'counted', matched, more })
    } catch (error) {
      setStep({ kind: 'failed', done: 0, words: (error as Error).message })
    }
  }

  async function work(of: number) {
    isStopped.current = false
    let done = 0
    let missing = 0
    const silent = new Set<string>()
    let cursor: string | undefined
    let more = false
    setStep({ kind: 'works', done, of })
    try {
      for (;;) {
        // Those that were counted and no more: what was sent again may have been put aside again already.
        const answer = await send(false, Math.min(AT_ONCE, of - done - missing), cursor)
        done += answer.retried ?? answer.revoked ?? 0
        missing += answer.missing ?? 0
        for (const worker of answer.silent ?? []) silent.add(worker)
        cursor = answer.nextCursor ?? undefined
        more = answer.more && answer.matched > 0
        // More than were counted may have come meanwhile: those are another day's work.
        if (!more || done + missing >= of || isStopped.current) break
        setStep({ kind: 'works', done, of })
      }
      const stopped = isStopped.current && done + missing < of
      setStep({ kind: 'over', done, missing, silent: [...silent], stopped, more: more && !stopped })
    } catch (error) {
      setStep({ kind: 'failed', done, words: (error as Error).message })
    }
    void queries.invalidateQueries()
  }

  function close() {
    isStopped.current = true
    dialog.current?.close()
  }

  return (
    <>
      <button
        type="button"
        onClick={() => {
          dialog.current?.showModal()
          void countThem()
        }}
      >
        {label}
      </button>
      <dialog ref={dialog} aria-label={label} onCancel={close}>
        <div className="stack">
          <h2>{label}</h2>
          <p>{text}</p>
          <div aria-live="polite" className="stack">
            {step.kind === 'counts' && <p className="soft">{t.loading}</p>}
            {step.kind === 'counted' && <p>{t.counted(count(step.matched), step.more)}</p>}
            {step.kind === 'works' && (
              <>
                <progress max={step.of} value={step.done} aria-label={label} />
                <p>{t.progress(count(step.done), count(step.of))}</p>
              </>
            )}
            {step.kind === 'over' && (
              <p className={`notice ${step.stopped ? 'warn' : 'good'}`}>
                {step.stopped ? t.bulkStopped(count(step.done)) : t.bulkDone(count(step.done))}
                {step.more && t.more500}
              </p>
            )}
            {step.kind === 'over' && step.silent.length > 0 && (
              <p className="notice warn">{t.bulkSilent(step.silent.join(', '))}</p>
            )}
            {step.kind === 'over' && step.missing > 0 && (
              <p className="notice warn">{t.bulkMissing(count(step.missing))}</p>
            )}
            {step.kind === 'failed' && (
              <p className="notice bad">
                {t.words.failed} {step.words} {step.done > 0 && t.bulkDoneBefore(count(step.done))}
              </p>
            )}
          </div>
          <div className="row">
            {step.kind === 'counted' && step.matched > 0 && (
              <button type="button" className="primary" onClick={() => void work(step.matched)}>
                {t.doAll}
              </button>
            )}
            {step.kind === 'works' ? (
              <button
                type="button"
                className="danger"
                onClick={() => {
                  isStopped.current = true
                }}
              >
                {t.stop}
              </button>
            ) : (
              <button type="button" onClick={close}>
                {step.kind === 'counted' ? t.words.cancel : t.words.close}
              </button>
            )}
          </div>
        </div>
      </dialog>
    </>
  )
}
