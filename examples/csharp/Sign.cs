// The field `Sig` of a signed form: HMAC-SHA256 over the six fields, with the key that the gateway's page shows once.
//   MoPosSig.Of(new Dictionary<string, string> { ["ID"] = "1000009", ["Res"] = "A-1001", ... }, key)
// Put it into the form to https://pay.example.ir/Payment.aspx: <input type="hidden" name="Sig" value="...">
// The key belongs into the server's environment or configuration: never into a page or a repository.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

public static class MoPosSig
{
    private static readonly string[] Names = { "ID", "Res", "Amnt", "Nam", "Dsc", "RedirectURL" };

    public static string Of(IDictionary<string, string> fields, string key)
    {
        // Exactly as they stand in the form, in UTF-8; a line break inside a field counts as one blank.
        var lines = Names.Select(name =>
            Regex.Replace(fields.TryGetValue(name, out var value) ? value ?? "" : "", "\r\n|\r|\n", " "));
        using (var hmac = new HMACSHA256(Encoding.UTF8.GetBytes(key)))
        {
            var hash = hmac.ComputeHash(Encoding.UTF8.GetBytes(string.Join("\n", lines)));
            return BitConverter.ToString(hash).Replace("-", "").ToLowerInvariant();
        }
    }
}
