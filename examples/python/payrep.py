"""What became of a purchase: PayRep with zeep.

    python payrep.py WSDL_URL ID RMZ RES [1.2]

Deliver only when Err is 0 AND Amnt is what this order costs.
"""

import json
import sys

import zeep
from zeep.helpers import serialize_object


def pay_rep(wsdl: str, id_: str, rmz: str, res: str, version: str = "1.1") -> dict:
    """The fields of the guide's section 4."""
    client = zeep.Client(wsdl, port_name="WebServiceMoPosSoap12" if version == "1.2" else "WebServiceMoPosSoap")
    return serialize_object(client.service.PayRep(ID=id_, Rmz=rmz, Res=res), dict)


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit("usage: python payrep.py WSDL_URL ID RMZ RES [1.2]")
    print(json.dumps(pay_rep(*sys.argv[1:]), ensure_ascii=False))
