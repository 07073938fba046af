<?php
// What became of a purchase: PayRep with PHP's own SoapClient (package php-soap).
//   php payrep.php WSDL_URL ID RMZ RES [1.2]
// In a shop, keep ID and Rmz in the configuration, and take Res from the query of your return page.

if ($argc < 5) {
    fwrite(STDERR, "usage: php payrep.php WSDL_URL ID RMZ RES [1.2]\n");
    exit(2);
}
[, $wsdl, $id, $rmz, $res] = $argv;

$client = new SoapClient($wsdl, [
    'soap_version' => ($argv[5] ?? '1.1') === '1.2' ? SOAP_1_2 : SOAP_1_1,
    'cache_wsdl' => WSDL_CACHE_NONE,
    'connection_timeout' => 10,
]);
$result = $client->PayRep(['ID' => $id, 'Rmz' => $rmz, 'Res' => $res])->PayRepResult;

// Deliver only when Err is 0 AND Amnt is what this order costs.
echo json_encode($result, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES), "\n";
