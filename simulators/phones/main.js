import { createControls } from './controls.js'
import { element, phoneText, readPhone, usualToken } from './format.js'
import { createPhone } from './phone.js'

const STORE = 'phones'
const DEMO = ['+221770000001', '+221770000002']
const MOST_PHONES = 12
const MOST_SEEN = 30

const find = id => document.getElementById(id)
const controls = createControls()
const seen = element('datalist', { id: 'seen-tokens' })
document.body.append(seen)
const phones = []
let source = null

for (const kept of loadPhones()) putOnTable(kept)
refreshTable()
listen()
setInterval(() => {
  for (const phone of phones) phone.tick()
}, 5_000)

find('add-phone').addEventListener('submit', event => {
  event.preventDefault()
  const field = find('new-phone')
  const phone = readPhone(field.value)
  const fault = faultOf(phone)
  find('add-error').hidden = fault === null
  find('add-error').textContent = fault ?? ''
  if (fault !== null) return
  const token = usualToken(phone)
  putOnTable({ phone, tokens: token ? [token] : [] })
  field.value = ''
  refreshTable()
  listen()
})

function faultOf(phone) {
  if (phone === null) return 'Donnez un numéro du Sénégal, par exemple 77 000 00 03.'
  if (phones.some(other => other.phone === phone)) return `Le ${phoneText(phone)} est déjà sur la table.`
  return phones.length >= MOST_PHONES ? 'La table est pleine : retirez d’abord un téléphone.' : null
}

function loadPhones() {
  try {
    const kept = JSON.parse(localStorage.getItem(STORE))
    if (Array.isArray(kept)) return kept
  } catch {
    // What an older page kept is of no use: begin again with the demo's phones.
  }
  return DEMO.map(phone => ({ phone, tokens: [usualToken(phone)] }))
}

function putOnTable(kept) {
  const phone = createPhone(kept, {
    onRemove: () => {
      phones.splice(phones.indexOf(phone), 1)
      phone.root.remove()
      refreshTable()
      find('new-phone').focus()
      listen()
    },
    onTokens: () => {
      refreshTable()
      listen()
    },
    announce: text => {
      find('announcer').textContent = text
    },
  })
  phones.push(phone)
  find('phones').append(phone.root)
}

function refreshTable() {
  find('no-phones').hidden = phones.length > 0
  localStorage.setItem(STORE, JSON.stringify(phones.map(({ phone, tokens }) => ({ phone, tokens }))))
}

/** Fills the phones with what they have received, then follows what comes. */
function listen() {
  source?.close()
  const query = new URLSearchParams(phones.flatMap(({ tokens }) => tokens.map(token => ['token', token])))
  source = new EventSource(`/events?${query}`)
  source.addEventListener('open', () => {
    showLink(true)
    for (const phone of phones) fill(phone)
  })
  source.addEventListener('error', () => showLink(false))
  on('sms', sms => {
    for (const phone of phones) if (phone.phone === sms.phone) phone.receiveSms(sms)
  })
  on('push', push => {
    for (const phone of phones) if (phone.tokens.includes(push.token)) phone.receivePush(push)
  })
  on('seen', ({ token }) => {
    if ([...seen.children].some(option => option.value === token)) return
    seen.prepend(element('option', { value: token }))
    while (seen.children.length > MOST_SEEN) seen.lastElementChild.remove()
  })
  on('purchase', controls.showPurchase)
  on('state', controls.showState)
}

function on(event, act) {
  source.addEventListener(event, ({ data }) => act(JSON.parse(data)))
}

async function fill(phone) {
  const read = async path => (await fetch(path)).json()
  const [sms, ...pushes] = await Promise.all([
    read(`/sms?phone=${encodeURIComponent(phone.phone)}`),
    ...phone.tokens.map(token => read(`/push?token=${encodeURIComponent(token)}`)),
  ])
  const all = [
    ...sms.map(message => ({ at: message.at, show: () => phone.receiveSms(message, { quiet: true }) })),
    ...pushes.flat().map(push => ({ at: push.at, show: () => phone.receivePush(push, { quiet: true }) })),
  ]
  phone.clear()
  for (const { show } of all.sort((a, b) => a.at.localeCompare(b.at))) show()
}

function showLink(alive) {
  find('link').classList.toggle('alive', alive)
  find('link-text').textContent = alive ? 'En direct' : 'Le monde simulé ne répond plus, nouvel essai…'
}
