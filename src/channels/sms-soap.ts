import { XMLParser } from 'fast-xml-parser'
import type { SmsOutcome } from './types.ts'

const parser = new XMLParser({ removeNSPrefix: true, ignoreAttributes: true, parseTagValue: false })

/** The SOAP 1.1 request `sendOneSMS(phone, message)`; the gateway wants `221…` without plus. */
export function sendOneSms(phone: string, text: string): string {
  return (
    '<?xml version="1.0" encoding="UTF-8"?>' +
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:sms="urn:sms-gateway">' +
    '<soapenv:Header/><soapenv:Body><sms:sendOneSMS>' +
    `<phone>${escapeXml(phone.replace(/^\+/, ''))}</phone><message>${escapeXml(text)}</message>` +
    '</sms:sendOneSMS></soapenv:Body></soapenv:Envelope>'
  )
}

/**
 * What the gateway's answer means. It holds JSON text with a status code and a text. An answer that cannot be
 * understood may stand for an SMS that went out, so it is ambiguous.
 */
export function smsOutcome(httpStatus: number, xml: string): SmsOutcome {
  // Not taken in at all (RFC 9110): it may be offered again.
  if (httpStatus === 429 || httpStatus === 503) return { outcome: 'retry', reason: `HTTP ${httpStatus}` }
  const body = soapBody(xml)
  const fault = childOf(body, 'Fault')
  if (fault) {
    const code = String(fault.faultcode ?? 'Fault').slice(0, 60)
    return /client/i.test(code)
      ? { outcome: 'refused', reason: code }
      : { outcome: 'ambiguous', reason: code }
  }
  const status = statusIn(childOf(body, 'sendOneSMSResponse'))
  if (status !== null) {
    return status === '200' ? { outcome: 'sent' } : { outcome: 'refused', reason: `status ${status}` }
  }
  if (httpStatus >= 400 && httpStatus < 500) return { outcome: 'refused', reason: `HTTP ${httpStatus}` }
  return { outcome: 'ambiguous', reason: `unreadable answer, HTTP ${httpStatus}` }
}

/** The status code in the JSON text of the answer, whatever the name of the element that holds it. */
function statusIn(response: Record<string, unknown> | null): string | null {
  for (const value of Object.values(response ?? {})) {
    if (typeof value !== 'string') continue
    const status = statusOf(value)
    if (status !== null) return status
  }
  return null
}

function statusOf(json: string): string | null {
  try {
    const answer = JSON.parse(json) as { statusCode?: unknown } | null
    const code = answer?.statusCode
    return typeof code === 'number' || typeof code === 'string' ? String(code).slice(0, 20) : null
  } catch {
    // Not the JSON that we look for.
    return null
  }
}

function soapBody(xml: string): Record<string, unknown> | null {
  // SOAP forbids document types (1.1, section 3), and they are the way to make a parser explode.
  if (xml.includes('<!')) return null
  try {
    return childOf(childOf(parser.parse(xml) as Record<string, unknown>, 'Envelope'), 'Body')
  } catch {
    // Not XML: the caller decides what an unreadable answer means.
    return null
  }
}

function childOf(parent: Record<string, unknown> | null, name: string): Record<string, unknown> | null {
  const child = parent?.[name]
  return typeof child === 'object' && child !== null ? (child as Record<string, unknown>) : null
}

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

/** Text for an element; characters that XML 1.0 cannot hold are left out. */
const escapeXml = (text: string): string =>
  text
    .toWellFormed()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to leave out
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
    .replace(/[&<>"']/g, character => ESCAPES[character] ?? '')
