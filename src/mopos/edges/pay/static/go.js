// Sends the buyer on to the bank. Who comes back to this page with the back button is not sent again: the button is there.
const [navigation] = performance.getEntriesByType("navigation");
if (!navigation || navigation.type !== "back_forward") {
  // Not form.submit(): a bank's field may be called "submit".
  HTMLFormElement.prototype.submit.call(document.getElementById("to-bank"));
}
