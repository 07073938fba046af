"""What became of a purchase: PayRep with zeep (pip install zeep).

    MOPOS_RMZ=YOUR-RMZ python payrep.py RES [1.2]

Deliver only when Err is 0 AND Amnt is what this order costs.
"""

import json
import os
import sys

import zeep
from zeep.helpers import serialize_object

WSDL = os.environ.get("MOPOS_WSDL", "https://pay.example.ir/WebServiceMoPos.asmx?WSDL")
ID = os.environ.get("MOPOS_ID", "1000009")
# The special password belongs into the server's environment or configuration: never into a page or a repository.
RMZ = os.environ.get("MOPOS_RMZ", "YOUR-RMZ")


def pay_rep(res: str, version: str = "1.1") -> dict:
    """The fields of the guide's section 4."""
    client = zeep.Client(WSDL, port_name="WebServiceMoPosSoap12" if version == "1.2" else "WebServiceMoPosSoap")
    return serialize_object(client.service.PayRep(ID=ID, Rmz=RMZ, Res=res), dict)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python payrep.py RES [1.2]")
    print(json.dumps(pay_rep(*sys.argv[1:]), ensure_ascii=False))
