// The field `Sig` of a signed form: HMAC-SHA256 over the six fields, with the key that the gateway's page shows once.
//   MOPOS_SIG_KEY=YOUR-SIGNING-KEY node sign.mjs < fields.json        {"ID": "1000009", "Res": "A-1001", ...}
// Put it into the form to https://pay.example.ir/Payment.aspx: <input type="hidden" name="Sig" value="...">
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'

export function moposSig(fields, key) {
  // Exactly as they stand in the form, in UTF-8; a line break inside a field counts as one blank.
  const text = ['ID', 'Res', 'Amnt', 'Nam', 'Dsc', 'RedirectURL']
    .map((name) => (fields[name] ?? '').replace(/\r\n|\r|\n/g, ' '))
    .join('\n')
  return createHmac('sha256', key).update(text, 'utf8').digest('hex')
}

// The key belongs into the server's environment or configuration: never into a page or a repository.
console.log(moposSig(JSON.parse(readFileSync(0, 'utf8')), process.env.MOPOS_SIG_KEY ?? 'YOUR-SIGNING-KEY'))
