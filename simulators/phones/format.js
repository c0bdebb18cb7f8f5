/** How people in Senegal read numbers, times and phones. */
const numbers = new Intl.NumberFormat('fr-FR')
const hours = new Intl.DateTimeFormat('fr-FR', {
  hour: '2-digit',
  minute: '2-digit',
  timeZone: 'Africa/Dakar',
})
const days = new Intl.DateTimeFormat('fr-FR', {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
  timeZone: 'Africa/Dakar',
})

export const count = number => numbers.format(number)
export const hour = date => hours.format(new Date(date))
export const day = date => days.format(new Date(date))
export const xof = amount => `${numbers.format(amount)} F CFA`
export const kwh = energy => `${numbers.format(energy)} kWh`

/** `+221770000001` as `77 000 00 01`. */
export const phoneText = phone => phone.replace(/^\+221(\d\d)(\d{3})(\d\d)(\d\d)$/, '$1 $2 $3 $4')

/** Twenty digits in groups of four. */
export const tokenText = token => token.replace(/(\d{4})(?=\d)/g, '$1 ')

/** The number in E.164, or null when it is not a Senegalese one. */
export function readPhone(text) {
  const national = text.replace(/[^\d]/g, '').replace(/^(00)?221(?=\d{9}$)/, '')
  return /^(7|33)\d+$/.test(national) && national.length === 9 ? `+221${national}` : null
}

/** The push token that the demo's data gives to the owner of this phone. */
export const usualToken = phone => {
  const number = /^\+22177(\d{7})$/.exec(phone)?.[1]
  return number === undefined ? null : `sim-seed-${Number(number)}`
}

/** An element with its class, attributes and content; text is always text. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'boolean') made.toggleAttribute(name, value)
    else made.setAttribute(name, value)
  }
  made.append(...children)
  return made
}
