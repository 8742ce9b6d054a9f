// Passkeys: hands what the site asks to the browser's authenticator, and its answer back in a form.
"use strict";

(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  // As WebAuthn level 3 writes options and answers in JSON, which not every browser does by itself.
  function understood(options) {
    const ids = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));
    const asked = { ...options, challenge: bytes(options.challenge) };
    if (options.user) asked.user = { ...options.user, id: bytes(options.user.id) };
    if (options.excludeCredentials) asked.excludeCredentials = ids(options.excludeCredentials);
    if (options.allowCredentials) asked.allowCredentials = ids(options.allowCredentials);
    return asked;
  }

  function written(credential) {
    const response = {};
    for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[part]) response[part] = text(credential.response[part]);
    }
    return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response });
  }

  async function asked(form) {
    const answer = await fetch(form.dataset.passkeyBegin, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const said = (answer.headers.get("content-type") || "").includes("json") ? await answer.json() : {};
    if (!answer.ok) throw new Error(said.error || TEXTS["passkey refused"]);
    return understood(said);
  }

  const forms = document.querySelectorAll("form[data-passkey]");
  if (!window.PublicKeyCredential) {
    for (const form of forms) form.querySelector("[data-passkey-said]").textContent = TEXTS["no passkeys"];
    return;
  }
  for (const form of forms) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      if (form.elements.answer.value) return;
      event.preventDefault();
      const place = form.querySelector("[data-passkey-said]");
      place.textContent = "";
      try {
        const options = await asked(form);
        const made = form.dataset.passkey === "new"
          ? await navigator.credentials.create({ publicKey: options })
          : await navigator.credentials.get({ publicKey: options });
        form.elements.answer.value = written(made);
        if (form.elements.current) form.elements.current.value = "";  // it was proven; the answer needs none
        form.submit();
      } catch (error) {
        const known = { InvalidStateError: "passkey held", NotAllowedError: "passkey not given" }[error.name];
        place.textContent = known ? TEXTS[known] : error.name === "Error" ? error.message : TEXTS["passkey refused"];
      }
    });
  }
})();
