<?php
// The form that sends a buyer to the bank (guide section 3). Save the order, with Res and the amount, before you show it.
$gateway = 'https://pay.example.ir';
$form = [
    'ID' => '1000009',                                  // your account's number
    'Res' => (string) $orderNumber,                     // your own number; never the same twice
    'Amnt' => (string) $amountInRial,                   // above 10,000
    'Nam' => $buyerName,
    'Dsc' => $whatItIsFor,
    'RedirectURL' => 'https://shop.example.ir/return.php',
];
?>
<form method="post" action="<?= $gateway ?>/Payment.aspx">
<?php foreach ($form as $name => $value): ?>
  <input type="hidden" name="<?= $name ?>" value="<?= htmlspecialchars($value) ?>">
<?php endforeach ?>
  <button>پرداخت</button>
</form>
