<?php
// The field `Sig` of a signed form: HMAC-SHA256 over the six fields, with the key that the gateway's page shows once.
//   MOPOS_SIG_KEY=YOUR-SIGNING-KEY php sign.php < fields.json        {"ID": "1000009", "Res": "A-1001", ...}
// Put it into the form to https://pay.example.ir/Payment.aspx: <input type="hidden" name="Sig" value="...">
function mopos_sig(array $fields, string $key): string
{
    $lines = [];
    foreach (['ID', 'Res', 'Amnt', 'Nam', 'Dsc', 'RedirectURL'] as $name) {
        // Exactly as it stands in the form, in UTF-8; a line break inside a field counts as one blank.
        $lines[] = preg_replace('/\r\n|\r|\n/', ' ', (string) ($fields[$name] ?? ''));
    }
    return hash_hmac('sha256', implode("\n", $lines), $key);
}

// The key belongs into the server's environment or configuration: never into a page or a repository.
echo mopos_sig(json_decode(stream_get_contents(STDIN), true), getenv('MOPOS_SIG_KEY') ?: 'YOUR-SIGNING-KEY'), "\n";
