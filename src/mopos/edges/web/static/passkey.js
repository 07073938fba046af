/* Passkeys: the browser's part of WebAuthn. */
