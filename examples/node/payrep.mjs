// What became of a purchase: PayRep with the package `soap` (npm install soap).
//   MOPOS_RMZ=YOUR-RMZ node payrep.mjs RES [1.2]
// Deliver only when Err is 0 AND Amnt is what this order costs.
import { createRequire } from 'node:module'

// From the folder that it is started in, where the shop's own packages are.
const soap = createRequire(`${process.cwd()}/`)('soap')

const WSDL = process.env.MOPOS_WSDL ?? 'https://pay.example.ir/WebServiceMoPos.asmx?WSDL'
const ID = process.env.MOPOS_ID ?? '1000009'
// The special password belongs into the server's environment or configuration: never into a page or a repository.
const Rmz = process.env.MOPOS_RMZ ?? 'YOUR-RMZ'

export async function payRep (Res, version = '1.1') {
  const client = await soap.createClientAsync(WSDL, { forceSoap12Headers: version === '1.2' })
  const [answer] = await client.PayRepAsync({ ID, Rmz, Res })
  return answer.PayRepResult
}

const [res, version] = process.argv.slice(2)
if (res) console.log(JSON.stringify(await payRep(res, version)))
