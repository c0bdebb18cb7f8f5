import { count, element, hour, kwh, tokenText, xof } from './format.js'

const MOST_PURCHASES = 5
const SYSTEMS = [
  { system: 'sic', name: 'SIC, le prépayé' },
  { system: 'postpaid', name: 'Postpaid, les factures' },
  { system: 'sms', name: 'Passerelle SMS' },
]
const MODES = [
  { mode: 'ok', name: 'Normal' },
  { mode: 'slow', name: 'Lent' },
  { mode: 'down', name: 'En panne' },
]
const OUTCOMES = {
  ok: 'acceptées',
  close: 'acceptées sans réponse',
  hang: 'laissées sans réponse',
  UNREGISTERED: 'désinscrites',
  INVALID_ARGUMENT: 'refusées',
  SENDER_ID_MISMATCH: 'd’un autre expéditeur',
  QUOTA_EXCEEDED: 'hors quota',
  UNAVAILABLE: 'indisponibles',
  INTERNAL: 'en erreur interne',
  THIRD_PARTY_AUTH_ERROR: 'sans clé valable',
  UNAUTHENTICATED: 'non authentifiées',
  PERMISSION_DENIED: 'sans droit',
}

const find = id => document.getElementById(id)

/** Sends a command; throws with the sentence of the answer when it is refused. */
async function command(method, path, body) {
  const answer = await fetch(path, { method, ...(body && { body: JSON.stringify(body) }) })
  const given = await answer.json()
  if (!answer.ok) throw new Error(given.detail)
  return given
}

function trouble(action) {
  const line = find('trouble-error')
  action.then(
    () => {
      line.hidden = true
    },
    error => {
      line.textContent = error.message
      line.hidden = false
    },
  )
}

/** Everything beside the phones: purchases, troubles and counters. */
export function createControls() {
  const radios = buildSystems()
  const outcome = find('fcm-outcome')
  const share = find('fcm-share')

  find('buy').addEventListener('submit', async event => {
    event.preventDefault()
    const line = find('buy-answer')
    try {
      const topUp = await command('POST', '/sic/topups', {
        meter: find('meter').value.replaceAll(' ', ''),
        amountXof: Number(find('amount').value),
      })
      line.className = 'answer'
      line.textContent = `${kwh(topUp.energyKwh)} pour ${xof(topUp.amountXof)}. Jeton\u00a0: ${topUp.tokens.map(tokenText).join(', ')}`
    } catch (error) {
      line.className = 'answer error'
      line.textContent = error.message
    }
  })
  for (const chip of document.querySelectorAll('[data-amount]')) {
    chip.addEventListener('click', () => {
      find('amount').value = chip.dataset.amount
    })
  }
  find('fcm').addEventListener('change', () => {
    const wanted = outcome.value === 'slow' ? { outcome: 'ok', latencyMs: 2_000 } : { outcome: outcome.value }
    trouble(command('POST', '/push/behaviour', { ...wanted, share: Number(share.value) }))
  })
  find('proxy').addEventListener('change', () => {
    const state = find('proxy-trouble').value
    trouble(
      command('POST', '/proxy/behaviour', {
        mode: find('proxy-mode').value,
        trouble: state,
        latencyMs: state === 'slow' ? 2_000 : 0,
      }),
    )
  })
  find('forget').addEventListener('click', () => trouble(command('DELETE', '/push')))

  return {
    showPurchase: purchase => {
      const list = find('purchases')
      list.prepend(
        element(
          'li',
          {},
          element('span', {}, `${hour(purchase.at)} · ${purchase.meter}`),
          element('span', {}, `${xof(purchase.amountXof)} · ${kwh(purchase.energyKwh)}`),
        ),
      )
      while (list.children.length > MOST_PURCHASES) list.lastElementChild.remove()
      find('no-purchases').hidden = true
    },
    showState: ({ push, fcm, systems, proxy }) => {
      for (const name of ['received', 'distinct', 'duplicates']) find(name).textContent = count(push[name])
      find('duplicates').classList.toggle('some', push.duplicates > 0)
      find('outcomes').textContent = outcomesText(push)
      for (const [system, { mode }] of Object.entries(systems)) {
        const chosen = radios[system]?.find(radio => radio.value === mode)
        for (const radio of radios[system] ?? []) radio.checked = radio === chosen
      }
      showFcm(fcm.find(behaviour => behaviour.for === undefined))
      showProxy(proxy)
    },
  }

  function showProxy({ mode, trouble }) {
    if (find('proxy').contains(document.activeElement)) return
    find('proxy-mode').value = mode
    find('proxy-trouble').value = trouble
  }

  function showFcm(behaviour) {
    // Left alone while somebody is choosing.
    if (document.activeElement === outcome || document.activeElement === share) return
    outcome.value =
      behaviour?.outcome === 'ok' && behaviour.latencyMs > 0 ? 'slow' : (behaviour?.outcome ?? 'ok')
    if (behaviour) share.value = String(behaviour.share)
  }
}

function outcomesText({ byOutcome, devices }) {
  const parts = Object.entries(byOutcome)
    .filter(([, times]) => times > 0)
    .map(([name, times]) => `${OUTCOMES[name] ?? name}\u00a0: ${count(times)}`)
  if (parts.length === 0) return 'Aucune notification n’est encore arrivée chez FCM.'
  const reached = `${devices > 1 ? 'Appareils atteints' : 'Appareil atteint'}\u00a0: ${count(devices)}`
  return [reached, ...parts].join(' · ')
}

function buildSystems() {
  const radios = {}
  for (const { system, name } of SYSTEMS) {
    radios[system] = []
    const choices = MODES.map(({ mode, name: label }) => {
      const radio = element('input', { type: 'radio', name: system, value: mode, id: `${system}-${mode}` })
      radio.addEventListener('change', () =>
        trouble(command('POST', '/backoffice/behaviour', { system, mode })),
      )
      radios[system].push(radio)
      return element('label', { class: `choice ${mode}`, for: radio.id }, radio, element('span', {}, label))
    })
    find('systems').append(
      element('fieldset', {}, element('legend', {}, name), element('div', { class: 'choices' }, ...choices)),
    )
  }
  return radios
}
