// This browser subscribes to messages, and the form hands over what it was given.
"use strict";

const place = document.querySelector("[data-push]");
const form = place.querySelector("form");

function trouble() {
  place.querySelector("[data-push-trouble]").hidden = false;
}

async function subscription() {
  const worker = await navigator.serviceWorker.register(place.dataset.worker);
  await new Promise((done) => {
    const busy = worker.installing || worker.waiting;
    if (!busy) done();
    else busy.addEventListener("statechange", () => worker.active && done());
  });
  const key = place.dataset.push;
  return await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
}

if (!("serviceWorker" in navigator && "PushManager" in window)) trouble();

form.addEventListener("submit", async (event) => {
  const field = form.elements.subscription;
  if (field.value) return;
  event.preventDefault();
  try {
    field.value = JSON.stringify(await subscription());
    form.submit();
  } catch {
    trouble();
  }
});
