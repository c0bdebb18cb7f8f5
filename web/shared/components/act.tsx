import { createContext, type FormEvent, type ReactNode, use, useEffect, useRef, useState } from 'react'

export interface ActWords {
  confirm: string
  cancel: string
  close: string
  underWay: string
  failed: string
}

interface ActProps {
  label: string
  title: string
  words: ActWords
  isDangerous?: boolean
  /** What will happen, and what the person gives for it. */
  children: ReactNode
  /** Does it, and says what was done: nothing is called done before this resolves. */
  run: (values: FormData) => Promise<string>
}

type State = { kind: 'asks' } | { kind: 'works' } | { kind: 'done' | 'failed'; words: string }

const Ask = createContext<(act: ActProps) => void>(() => {
  throw new Error('An act needs <Acts> around it.')
})

/**
 * Where acts are asked about and tell their outcome: what an act is about often leaves the page by it, and with it the
 * button.
 */
export function Acts({ children }: { children: ReactNode }) {
  const [act, setAct] = useState<ActProps | null>(null)
  return (
    <Ask value={setAct}>
      {children}
      {act && <Question act={act} onClose={() => setAct(null)} />}
    </Ask>
  )
}

/** A button that changes something: it says what, asks, and shows the outcome when there is one. */
export function Act(act: ActProps) {
  const ask = use(Ask)
  return (
    <button type="button" className={act.isDangerous ? 'danger' : ''} onClick={() => ask(act)}>
      {act.label}
    </button>
  )
}

function Question({ act, onClose }: { act: ActProps; onClose: () => void }) {
  const { title, words, isDangerous, children, run } = act
  const dialog = useRef<HTMLDialogElement>(null)
  const [state, setState] = useState<State>({ kind: 'asks' })
  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal()
  }, [])

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const values = new FormData(event.currentTarget)
    setState({ kind: 'works' })
    try {
      setState({ kind: 'done', words: await run(values) })
    } catch (error) {
      setState({ kind: 'failed', words: (error as Error).message })
    }
  }
  return (
    <dialog ref={dialog} aria-label={title} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <h2>{title}</h2>
        {state.kind === 'asks' || state.kind === 'works' ? children : null}
        <div aria-live="polite">
          {state.kind === 'works' && <p className="notice">{words.underWay}</p>}
          {state.kind === 'done' && <p className="notice good">{state.words}</p>}
          {state.kind === 'failed' && (
            <p className="notice bad">
              {words.failed} {state.words}
            </p>
          )}
        </div>
        <div className="row">
          {(state.kind === 'asks' || state.kind === 'works') && (
            <button
              type="submit"
              className={isDangerous ? 'danger' : 'primary'}
              disabled={state.kind === 'works'}
            >
              {words.confirm}
            </button>
          )}
          <button type="button" onClick={() => dialog.current?.close()}>
            {state.kind === 'asks' ? words.cancel : words.close}
          </button>
        </div>
      </form>
    </dialog>
  )
}
