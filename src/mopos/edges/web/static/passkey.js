/* Passkeys: the browser's part of WebAuthn, for every form that web/passkey.html draws.

A form names its act (data-passkey: create or get), where its options come from (data-options) and, as its action,
where its answer goes; its fields are sent with both. Where the browser knows no passkeys the form stays hidden, and
what is marked data-without-passkey stays to be seen. */
"use strict";
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const known = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const acts = {
    create: async (options) => {
      const made = await navigator.credentials.create({
        publicKey: {
          ...options,
          challenge: bytes(options.challenge),
          user: { ...options.user, id: bytes(options.user.id) },
          excludeCredentials: known(options.excludeCredentials),
        },
      });
      return answer(made, {
        clientDataJSON: text(made.response.clientDataJSON),
        attestationObject: text(made.response.attestationObject),
      });
    },
    get: async (options) => {
      const shown = await navigator.credentials.get({
        publicKey: {
          ...options,
          challenge: bytes(options.challenge),
          allowCredentials: known(options.allowCredentials),
        },
      });
      return answer(shown, {
        clientDataJSON: text(shown.response.clientDataJSON),
        authenticatorData: text(shown.response.authenticatorData),
        signature: text(shown.response.signature),
        userHandle: shown.response.userHandle ? text(shown.response.userHandle) : null,
      });
    },
  };
  const answer = (credential, response) => ({
    id: credential.id, rawId: text(credential.rawId), type: credential.type, response, clientExtensionResults: {},
  });

  const post = async (address, fields) => {
    const got = await fetch(address, { method: "POST", body: new URLSearchParams(fields), redirect: "error" });
    return got.json();
  };

  const run = async (form) => {
    const fields = Object.fromEntries(new FormData(form));
    const begun = await post(form.dataset.options, fields);
    if (begun.problem) return begun;
    const credential = await acts[form.dataset.passkey](begun.publicKey);
    return post(form.action, { ...fields, ceremony: begun.ceremony, credential: JSON.stringify(credential) });
  };

  const wire = (form) => {
    const button = form.querySelector("button");
    const status = form.querySelector("[role=status]");
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      status.textContent = form.dataset.waiting;
      try {
        const { go, problem } = await run(form);
        if (go) return location.assign(go);
        status.textContent = problem || form.dataset.failed;
      } catch (error) {
        const words = { InvalidStateError: form.dataset.known, NotAllowedError: form.dataset.stopped };
        status.textContent = words[error.name] || form.dataset.failed;
      }
      button.disabled = false;
      button.focus();
    });
  };

  if (window.PublicKeyCredential && navigator.credentials) {
    document.querySelectorAll("form[data-passkey]").forEach(wire);
    document.querySelectorAll("[data-without-passkey]").forEach((part) => (part.hidden = true));
  }
})();
