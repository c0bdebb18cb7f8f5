import { type FormEvent, type ReactNode, useRef, useState } from 'react'

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

/** A button that changes something: it says what, asks, and shows the outcome when there is one. */
export function Act({ label, title, words, isDangerous, children, run }: ActProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [state, setState] = useState<State>({ kind: 'asks' })

  function open() {
    setState({ kind: 'asks' })
    dialog.current?.showModal()
  }
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
  const tone = isDangerous ? 'danger' : ''
  return (
    <>
      <button type="button" className={tone} onClick={open}>
        {label}
      </button>
      <dialog ref={dialog} aria-label={title}>
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
              <button type="submit" className={tone || 'primary'} disabled={state.kind === 'works'}>
                {words.confirm}
              </button>
            )}
            <button type="button" onClick={() => dialog.current?.close()}>
              {state.kind === 'asks' ? words.cancel : words.close}
            </button>
          </div>
        </form>
      </dialog>
    </>
  )
}
