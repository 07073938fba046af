// What became of a purchase: PayRep from .NET, without a generated proxy. With one, add a Service Reference to
// https://pay.example.ir/WebServiceMoPos.asmx?WSDL and call PayRep(id, rmz, res).
// Deliver only when Err is 0 AND Amnt is what this order costs.
using System;
using System.Linq;
using System.Net.Http;
using System.Text;
using System.Threading.Tasks;
using System.Xml.Linq;

public static class MoPos
{
    private const string Service = "https://pay.example.ir/WebServiceMoPos.asmx";
    private const string Id = "1000009";
    private static readonly XNamespace Soap = "http://schemas.xmlsoap.org/soap/envelope/";
    private static readonly XNamespace Ns = "http://tempuri.org/";

    // The special password belongs into the server's environment or configuration: never into a page or a repository.
    private static readonly string Rmz = Environment.GetEnvironmentVariable("MOPOS_RMZ") ?? "YOUR-RMZ";

    public static async Task<XElement> PayRep(HttpClient http, string res)
    {
        var envelope = new XDocument(new XElement(Soap + "Envelope", new XElement(Soap + "Body",
            new XElement(Ns + "PayRep", new XElement(Ns + "ID", Id), new XElement(Ns + "Rmz", Rmz),
                new XElement(Ns + "Res", res)))));
        var request = new HttpRequestMessage(HttpMethod.Post, Service)
        {
            Content = new StringContent(envelope.ToString(), Encoding.UTF8, "text/xml"),
        };
        request.Headers.Add("SOAPAction", "\"http://tempuri.org/PayRep\"");
        var answer = await http.SendAsync(request);
        var body = XDocument.Parse(await answer.Content.ReadAsStringAsync());
        return body.Descendants(Ns + "PayRepResult").First();
    }
}
