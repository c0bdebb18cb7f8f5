import { XMLParser } from 'fast-xml-parser'

const parser = new XMLParser({
  removeNSPrefix: true,
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
})

/** The arguments of `sendOneSMS`, or null when the text is not such a SOAP 1.1 request. */
export function readSendOneSms(xml: string): { phone: string; message: string } | null {
  if (xml.includes('<!')) return null
  let call: { phone?: unknown; message?: unknown } | undefined
  try {
    call = parser.parse(xml).Envelope?.Body?.sendOneSMS
  } catch {
    // Not XML: answered with a fault by the caller.
    return null
  }
  const { phone, message } = call ?? {}
  return typeof phone === 'string' && typeof message === 'string' ? { phone: phone.trim(), message } : null
}

/** The gateway's answer: JSON text inside the SOAP answer. */
export const sendOneSmsResponse = (statusCode: number, statusText: string): string =>
  envelope(
    `<ns:sendOneSMSResponse xmlns:ns="urn:sms-gateway"><return>${escapeXml(JSON.stringify({ statusCode, statusText }))}</return></ns:sendOneSMSResponse>`,
  )

export const soapFault = (code: 'Client' | 'Server', text: string): string =>
  envelope(
    `<soapenv:Fault><faultcode>soapenv:${code}</faultcode><faultstring>${escapeXml(text)}</faultstring></soapenv:Fault>`,
  )

const envelope = (body: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>${body}</soapenv:Body></soapenv:Envelope>`

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
