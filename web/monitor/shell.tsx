import { Link, Outlet } from '@tanstack/react-router'
import { Acts } from '../shared/components/act.tsx'
import { choose, clockTime, useLanguage } from '../shared/language.ts'
import { useMe } from './look.tsx'
import { useTexts } from './texts.ts'

const PAGES = ['overview', 'workers', 'tasks', 'queues', 'parked', 'due', 'broadcasts', 'audit'] as const

/** The frame of every page: where one is, who one is, and whether the monitor still answers. */
export function Shell() {
  const t = useTexts()
  const language = useLanguage()
  const me = useMe()
  return (
    <>
      <a className="skip" href="#content">
        {t.skip}
      </a>
      <header className="top">
        <div className="row spread">
          <strong>
            SamaConso <span className="soft">{t.monitor}</span>
          </strong>
          <span className="row">
            {me.data && !me.data.mayAct && <span className="badge warn">{t.readOnly}</span>}
            {me.data && <span className="soft">{me.data.user}</span>}
            <button type="button" onClick={() => choose(language === 'fr' ? 'en' : 'fr')}>
              {t.otherLanguage}
            </button>
          </span>
        </div>
        <nav aria-label={t.monitor}>
          {PAGES.map(page => (
            <Link
              key={page}
              to={page === 'overview' ? '/' : `/${page}`}
              activeOptions={{ exact: page === 'overview', includeSearch: false }}
            >
              {t.pages[page]}
            </Link>
          ))}
        </nav>
      </header>
      {me.isError && me.dataUpdatedAt > 0 && (
        <p className="notice bad lost" role="alert">
          {t.disconnected(clockTime(new Date(me.dataUpdatedAt)))}
        </p>
      )}
      <main id="content" className="stack" tabIndex={-1}>
        <Acts>
          <Outlet />
        </Acts>
      </main>
    </>
  )
}

export function NotFound() {
  const t = useTexts()
  return (
    <p>
      {t.notFound} <Link to="/">{t.back}</Link>
    </p>
  )
}
