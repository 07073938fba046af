// What became of a purchase: PayRep with the package `soap`.
//   node payrep.mjs WSDL_URL ID RMZ RES [1.2]
// Deliver only when Err is 0 AND Amnt is what this order costs.
import { createRequire } from 'node:module'

// From the folder that it is started in, where the shop's own packages are.
const soap = createRequire(`${process.cwd()}/`)('soap')

const [wsdl, ID, Rmz, Res, version] = process.argv.slice(2)
if (!Res) {
  console.error('usage: node payrep.mjs WSDL_URL ID RMZ RES [1.2]')
  process.exit(2)
}
const client = await soap.createClientAsync(wsdl, { forceSoap12Headers: version === '1.2' })
const [answer] = await client.PayRepAsync({ ID, Rmz, Res })
console.log(JSON.stringify(answer.PayRepResult))
