"""The field `Sig` of a signed form: HMAC-SHA256 over the six fields, with the key that the gateway's page shows once.

    MOPOS_SIG_KEY=YOUR-SIGNING-KEY python sign.py < fields.json        {"ID": "1000009", "Res": "A-1001", ...}

Put it into the form to https://pay.example.ir/Payment.aspx: <input type="hidden" name="Sig" value="...">
"""

import hashlib
import hmac
import json
import os
import re
import sys

# The key belongs into the server's environment or configuration: never into a page or a repository.
KEY = os.environ.get("MOPOS_SIG_KEY", "YOUR-SIGNING-KEY")


def mopos_sig(fields: dict[str, str], key: str) -> str:
    """The fields exactly as they stand in the form, in UTF-8; a line break inside a field counts as one blank."""
    names = ("ID", "Res", "Amnt", "Nam", "Dsc", "RedirectURL")
    text = "\n".join(re.sub(r"\r\n|\r|\n", " ", fields.get(name, "")) for name in names)
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


if __name__ == "__main__":
    print(mopos_sig(json.loads(sys.stdin.buffer.read()), KEY))
