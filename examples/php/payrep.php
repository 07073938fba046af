<?php
// What became of a purchase: PayRep with PHP's own SoapClient (package php-soap).
//   MOPOS_RMZ=YOUR-RMZ php payrep.php RES [1.2]
// In a shop, require this file on your return page and call pay_rep($_GET['Res']).

function pay_rep(string $res, string $version = '1.1'): object
{
    // The special password belongs into the server's environment or configuration: never into a page or a repository.
    $rmz = getenv('MOPOS_RMZ') ?: 'YOUR-RMZ';
    $id = getenv('MOPOS_ID') ?: '1000009';
    $wsdl = getenv('MOPOS_WSDL') ?: 'https://pay.example.ir/WebServiceMoPos.asmx?WSDL';

    $client = new SoapClient($wsdl, [
        'soap_version' => $version === '1.2' ? SOAP_1_2 : SOAP_1_1,
        'cache_wsdl' => WSDL_CACHE_NONE,
        'connection_timeout' => 10,
    ]);
    return $client->PayRep(['ID' => $id, 'Rmz' => $rmz, 'Res' => $res])->PayRepResult;
}

if (PHP_SAPI === 'cli' && isset($argv[1])) {
    // Deliver only when Err is 0 AND Amnt is what this order costs.
    echo json_encode(pay_rep($argv[1], $argv[2] ?? '1.1'), JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES), "\n";
}
