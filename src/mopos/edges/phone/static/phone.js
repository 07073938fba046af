/* The phone app: its service worker (the honest offline page), and forms that only wait for a page to be there. */
"use strict";
if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("/app/sw.js", { scope: "/app" }).catch(() => {});
}
const [visit] = performance.getEntriesByType("navigation");
if (!visit || visit.type !== "back_forward") {
  document.querySelectorAll("form[data-go]").forEach((form) => form.requestSubmit());
}
