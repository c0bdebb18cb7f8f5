import { day, element, hour, phoneText } from './format.js'

const MOST_CARDS = 30

/**
 * A phone on the table: what it received, newest first. A push whose notification is already shown takes its place,
 * as on a real phone.
 */
export function createPhone({ phone, tokens }, { onRemove, onTokens, announce }) {
  const cards = element('ol', { class: 'cards' })
  const empty = element(
    'p',
    { class: 'screen-empty' },
    'Rien encore. Les SMS et les notifications de ce numéro apparaîtront ici.',
  )
  const clock = element('p', { class: 'clock', 'aria-hidden': 'true' })
  const date = element('p', { class: 'date', 'aria-hidden': 'true' })
  const chips = element('ul', { class: 'tokens' })
  const name = phoneText(phone)
  const field = element('input', {
    id: `token-${phone}`,
    list: 'seen-tokens',
    placeholder: 'sim-…',
    pattern: 'sim-.+',
    title: 'Un jeton de démonstration commence par sim-',
    autocomplete: 'off',
    required: true,
  })
  const form = element(
    'form',
    { class: 'inline' },
    element('label', { for: field.id, class: 'unseen' }, `Jeton de notification à relier au ${name}`),
    field,
    element('button', { type: 'submit' }, 'Relier'),
  )
  const remove = element(
    'button',
    { type: 'button', class: 'quiet', 'aria-label': `Retirer le ${name}` },
    'Retirer',
  )
  const root = element(
    'article',
    { class: 'phone', 'aria-label': `Téléphone ${name}` },
    element(
      'div',
      { class: 'frame' },
      element('div', { class: 'speaker', 'aria-hidden': 'true' }),
      element(
        'div',
        { class: 'screen', tabindex: '0', role: 'region', 'aria-label': `Écran du ${name}` },
        clock,
        date,
        cards,
        empty,
      ),
    ),
    element('div', { class: 'under' }, element('h3', {}, name), remove),
    chips,
    element('details', {}, element('summary', {}, 'Relier un jeton de notification'), form),
  )

  remove.addEventListener('click', onRemove)
  form.addEventListener('submit', event => {
    event.preventDefault()
    const token = field.value.trim()
    if (!tokens.includes(token)) tokens.push(token)
    field.value = ''
    showTokens()
    onTokens()
  })

  function showTokens() {
    chips.replaceChildren(
      ...tokens.map(token => {
        const drop = element('button', { type: 'button', 'aria-label': `Délier ${token}` }, '×')
        drop.addEventListener('click', () => {
          tokens.splice(tokens.indexOf(token), 1)
          showTokens()
          onTokens()
          field.focus()
        })
        return element('li', {}, element('code', {}, token), drop)
      }),
    )
  }

  function tick() {
    clock.textContent = hour(Date.now())
    date.textContent = day(Date.now())
  }

  function place(card, key) {
    const shown = key && [...cards.children].find(other => other.dataset.key === key)
    if (shown) {
      const times = Number(shown.dataset.times) + 1
      card.dataset.times = String(times)
      card.querySelector('.again').textContent = `remplacée · reçue ${times} fois`
      shown.remove()
    }
    card.classList.toggle('again-card', Boolean(shown))
    if (key) card.dataset.key = key
    cards.prepend(card)
    while (cards.children.length > MOST_CARDS) cards.lastElementChild.remove()
    empty.hidden = true
  }

  tick()
  showTokens()
  return {
    root,
    phone,
    tokens,
    tick,
    clear: () => {
      cards.replaceChildren()
      empty.hidden = false
    },
    receiveSms: (sms, { quiet = false } = {}) => {
      place(cardOf({ kind: 'sms', app: 'Messages', at: sms.at, title: 'SENELEC', body: sms.text, quiet }))
      if (!quiet) announce(`SMS reçu par le ${name} : ${sms.text}`)
    },
    receivePush: (push, { quiet = false } = {}) => {
      const { at, title, body } = push
      place(cardOf({ kind: 'push', app: 'SamaConso', at, title, body, quiet }), push.notificationId)
      if (!quiet) announce(`Notification reçue par le ${name} : ${title}. ${body}`)
    },
  }
}

function cardOf({ kind, app, at, title, body, quiet }) {
  const code = kind === 'sms' ? /\b\d{6}\b/.exec(body)?.[0] : undefined
  const card = element(
    'li',
    { class: `card ${kind}${quiet ? '' : ' new'}`, 'data-times': '1' },
    element(
      'p',
      { class: 'card-head' },
      element('span', { class: 'app-icon', 'aria-hidden': 'true' }),
      element('span', {}, app),
      element('time', { datetime: at }, hour(at)),
    ),
    element('p', { class: 'card-title' }, title),
    element('p', { class: 'card-body' }, body),
    element('p', { class: 'again' }),
  )
  if (code) {
    const copy = element('button', { type: 'button', class: 'copy' }, `Copier ${code}`)
    copy.addEventListener('click', async () => {
      await navigator.clipboard.writeText(code)
      copy.textContent = 'Copié'
    })
    card.append(copy)
  }
  return card
}
