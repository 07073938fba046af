<?php
// The form that sends a buyer to the bank (guide section 3). Save the order, with Res and the amount, before you show it.
function mopos_form(string $res, int $amountInRial, string $buyerName, string $whatItIsFor): string
{
    $fields = [
        'ID' => '1000009',                      // your gateway's number
        'Res' => $res,                          // your own number of this payment; never the same twice
        'Amnt' => (string) $amountInRial,       // above 10,000
        'Nam' => $buyerName,
        'Dsc' => $whatItIsFor,
        'RedirectURL' => 'https://shop.example.ir/return.php',
    ];
    $html = '<form method="post" action="https://pay.example.ir/Payment.aspx">';
    foreach ($fields as $name => $value) {
        $html .= sprintf('<input type="hidden" name="%s" value="%s">', $name, htmlspecialchars($value));
    }
    return $html . '<button>پرداخت</button></form>';
}

echo mopos_form('A-1001', 250000, 'مریم احمدی', 'دیوان حافظ، ۲ جلد'), "\n";
