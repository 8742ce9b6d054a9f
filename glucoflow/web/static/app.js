// Ages that go on counting, the colour switch, printing, and parts of the page that renew themselves after a sync.
"use strict";

const THEMES = ["auto", "light", "dark"];
const PULSE_MS = 20000;
const BUSY_PULSE_MS = 2000;

// What the page gave us to say, in its language; `{name}` in a text is filled here.
const TEXTS = JSON.parse(document.getElementById("texts").textContent);
const say = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

function age(then, now) {
  const minutes = (now - then) / 60000;
  const size = Math.abs(minutes);
  if (size < 1) return TEXTS["just now"];
  const [unit, n] = size < 90 ? ["min", size] : size < 2880 ? ["h", size / 60] : ["day", size / 1440];
  return say(TEXTS.ages[unit][minutes > 0 ? 0 : 1], { n: Math.round(n) });
}

function tick() {
  for (const time of document.querySelectorAll("time[data-age]")) {
    time.textContent = age(Date.parse(time.dateTime), Date.now());
  }
  // A page that stays open greys what has become old meanwhile.
  for (const newest of document.querySelectorAll("[data-fresh-until]")) {
    newest.classList.toggle("stale", Date.now() > Date.parse(newest.dataset.freshUntil));
  }
}

function switchTheme(button) {
  const root = document.documentElement;
  const next = THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length];
  root.dataset.theme = next;
  document.cookie = `theme=${next}; path=/; max-age=31536000; samesite=lax`;
  button.querySelector("[data-theme-name]").textContent = TEXTS[next];
  button.setAttribute("aria-label", say(TEXTS.theme, { theme: TEXTS[next] }));
  document.dispatchEvent(new CustomEvent("colours"));
}

// The page is fetched again and only its live parts are exchanged: scroll position, focus and open tables stay.
async function renew() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (other) part.replaceWith(document.importNode(other, true));
  }
  if (!document.querySelector("[data-live]") || fresh.querySelectorAll("[data-live]").length !== document.querySelectorAll("[data-live]").length) location.reload();
  tick();
  document.dispatchEvent(new CustomEvent("renewed"));
}

function watch() {
  const place = document.querySelector("[data-pulse]");
  const address = place ? place.dataset.pulse : null;
  let seen = null;
  const look = async () => {
    if (document.hidden) return;
    try {
      if (!address) { await renew(); return; }
      const answer = await fetch(address, { cache: "no-store", headers: seen ? { "if-none-match": seen } : {} });
      const tag = answer.headers.get("etag");
      // What began between the page and the first look would else be missed.
      const changed = seen ? tag !== seen : document.querySelector("[data-busy]");
      if (answer.status === 200 && changed) await renew();
      if (tag) seen = tag;
    } catch { /* offline: the next look may succeed */ }
  };
  if (address) look();
  // While something was asked for or runs, its progress is looked for often.
  const again = async () => {
    await look();
    setTimeout(again, document.querySelector("[data-busy]") ? BUSY_PULSE_MS : PULSE_MS);
  };
  if (address || document.querySelector("[data-live]")) setTimeout(again, document.querySelector("[data-busy]") ? BUSY_PULSE_MS : PULSE_MS);
  document.addEventListener("visibilitychange", look);
}

document.addEventListener("click", (event) => {
  const theme = event.target.closest("[data-theme-switch]");
  if (theme) switchTheme(theme);
  if (event.target.closest("[data-print]")) window.print();
});
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});
document.addEventListener("change", (event) => { if (event.target.closest("[data-submit]")) event.target.form.requestSubmit(); });
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea, .drawing, .scroll") || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { "[": "prev", "]": "next" }[event.key];
  if (step) document.querySelector(`[data-key="${step}"]`)?.click();
});
for (const list of document.querySelectorAll("[data-own-zone]")) {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if ([...list.options].some((option) => option.value === own)) list.value = own;
}
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
tick();
setInterval(tick, 30000);
watch();
