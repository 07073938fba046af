// Nothing here is needed to pay. It counts the time down, and takes the buyer back by itself.
"use strict";

function shown(seconds, lang) {
  const text = String(Math.floor(seconds / 60)).padStart(2, "0") + ":" + String(seconds % 60).padStart(2, "0");
  return lang === "fa" ? text.replace(/[0-9]/g, (digit) => "۰۱۲۳۴۵۶۷۸۹"[digit]) : text;
}

function countDown(box, atZero) {
  const until = performance.now() + Number(box.dataset.seconds) * 1000;
  const digits = box.querySelector("strong");
  box.hidden = false;
  function tick() {
    const left = Math.max(0, Math.ceil((until - performance.now()) / 1000));
    digits.textContent = shown(left, box.dataset.lang);
    if (left === 0) {
      clearInterval(timer);
      atZero();
    }
  }
  const timer = setInterval(tick, 500);
  tick();
  return timer;
}

const session = document.querySelector(".countdown");
if (session) {
  countDown(session, () => {
    session.textContent = session.dataset.over;
    session.setAttribute("role", "alert");
  });
}

const soon = document.querySelector(".soon");
if (soon) {
  const timer = countDown(soon, () => document.getElementById("return").submit());
  soon.querySelector("button").addEventListener("click", () => {
    clearInterval(timer);
    soon.hidden = true;
  });
}

const errors = document.getElementById("errors");
if (errors) {
  errors.focus();
}
