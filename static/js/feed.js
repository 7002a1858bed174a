/* The feed stays true while the page is open: a stream names what changed, and that row is fetched again.
   Where the stream is silent, what is unfinished is asked for every few seconds. */

const feed = document.querySelector("[data-feed]");
const newest = "newest" in feed.dataset;
const POLL_MS = 3_000;
const POLL_SLOW_MS = 10_000;
const SILENT_MS = 10_000;
const POLLED_MAX = 8;
const GATHER_MS = 40;
const FETCHES_MAX = 8;
const FETCH_MS = 20_000;
const RISE_MS = 1_000;
const RISE_ROW_MS = 50;
const NOBODY = "00000000-0000-0000-0000-000000000000";
const CREDITS = "credits";
const part = { headers: { "X-Part": "row" }, redirect: "error" };
const ask = (address) => fetch(address, { ...part, signal: AbortSignal.timeout(FETCH_MS) });

const rows = () => [...feed.querySelectorAll("[data-run]")];
const unfinished = () => rows().filter((row) => "unfinished" in row.dataset);
const rowOf = (id) => document.getElementById(`run-${id}`);
const idOf = (row) => row.id.slice(4);
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const parse = (html) => Object.assign(document.createElement("template"), { innerHTML: html.trim() }).content.firstElementChild;

/* --- One row --- */

async function refresh(row) {
  const response = await ask(row.dataset.run);
  if (response.ok) swap(row, parse(await response.text()));
  else if (response.status === 404) row.remove();
}

/* What a row says, without the keys that are new each time. */
function words(row) {
  const copy = row.cloneNode(true);
  copy.querySelectorAll("input[type=hidden], [data-since]").forEach((one) => one.remove());
  copy.querySelectorAll("[data-left]").forEach((one) => {
    delete one.dataset.left;
    one.replaceChildren();
  });
  copy.querySelectorAll("time").forEach((one) => {
    one.removeAttribute("title");
    one.replaceChildren();
  });
  copy.querySelectorAll("details").forEach((one) => one.removeAttribute("open"));
  return copy.outerHTML;
}

function swap(row, fresh) {
  if (!row.isConnected) return;
  if (words(row) === words(fresh)) {
    const left = row.querySelector("[data-left]");
    if (left) left.dataset.left = fresh.querySelector("[data-left]").dataset.left;
    return;
  }
  const focused = row.contains(document.activeElement) ? document.activeElement.closest("form, a, summary") : null;
  const address = focused?.getAttribute("action") ?? focused?.getAttribute("href");
  const wasOpen = row.querySelector("details")?.open;
  row.replaceWith(fresh);
  if (wasOpen && fresh.querySelector("details")) fresh.querySelector("details").open = true;
  if (focused) refocus(fresh, address);
  if (row.dataset.state !== fresh.dataset.state) say(fresh);
  settle(fresh);
}

function refocus(row, address) {
  const same = address && row.querySelector(`form[action="${address}"] button, a[href="${address}"]`);
  const target = same || row.querySelector("article");
  if (target.matches("article")) target.tabIndex = -1;
  target.focus({ preventScroll: true });
}

function say(row) {
  const { state, images, charged } = row.dataset;
  const done = `Done, ${plural(Number(images), "image")}, ${plural(Number(charged), "credit")}.`;
  const text = { running: "Started.", waiting: "Waiting for a provider.", done, canceled: "Cancelled." }[state];
  if (text) window.easel.announce(text);
  if (state === "done") ready(Number(images));
  if (!["partial", "failed", "refused"].includes(state)) return;
  const lines = [...row.querySelectorAll("h3, h3 ~ p")].map((line) => line.textContent.trim());
  window.easel.announce(lines.join(". ").replaceAll("..", "."), { urgent: true });
}

/* --- Rows that are new here --- */

function insert(html, { own = false } = {}) {
  const row = parse(html);
  const known = document.getElementById(row.id);
  if (known) return swap(known, row);
  if (!newest) {
    if (own) location.assign(location.pathname);
    return undefined;
  }
  const made = Number(row.dataset.made);
  const after = rows().find((other) => Number(other.dataset.made) < made);
  if (!own && !after && rows().length) return undefined;
  const list = today();
  if (after && list.contains(after)) after.before(row);
  else list.append(row);
  settle(row);
  if (own) {
    row.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    const place = row.querySelector(".run-state")?.textContent.trim();
    window.easel.announce(place ? `Queued, ${place.toLowerCase()}.` : "Queued.");
  } else if (scrollY > 200) above();
  return undefined;
}

function today() {
  const found = feed.querySelector("[data-day=today] .feed");
  if (found) return found;
  feed.querySelector("[data-welcome]")?.remove();
  feed.prepend(document.getElementById("day-template").content.cloneNode(true));
  return feed.querySelector("[data-day=today] .feed");
}

function above() {
  let button = document.querySelector(".new-above");
  if (!button) {
    button = Object.assign(document.createElement("button"), { type: "button", className: "button new-above" });
    button.dataset.count = 0;
    button.addEventListener("click", () => {
      button.remove();
      scrollTo({ top: 0 });
    });
    document.querySelector(".page").append(button);
  }
  button.dataset.count = Number(button.dataset.count) + 1;
  button.textContent = `${button.dataset.count} new ↑`;
}

/* --- What the rows add up to: title, status, sums --- */

let readyTimer;
const title = document.title;

function ready(images) {
  if (!document.hidden) return;
  document.title = `✓ ${plural(images, "image")} – Easel`;
  clearTimeout(readyTimer);
  readyTimer = setTimeout(count, 5_000);
}

function count() {
  const total = unfinished().length;
  document.title = total ? `(${total}) ${title}` : title;
  const status = document.getElementById("unfinished");
  status.hidden = !total;
  status.querySelector("[data-unfinished]").textContent = total;
}

function settle(row) {
  if (!document.title.startsWith("✓")) count();
  times(row);
  for (const day of feed.querySelectorAll(".day")) {
    const sum = day.querySelector("[data-day-sum]");
    if (!sum) continue;
    const add = (name) => [...day.querySelectorAll("[data-run]")].reduce((all, one) => all + Number(one.dataset[name]), 0);
    sum.textContent = `${plural(add("images"), "image")} · ${plural(add("charged"), "credit")}`;
  }
}

const { lang } = document.documentElement;
const clock = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat(lang, { dateStyle: "long", timeStyle: "short" });

function times(root) {
  for (const time of root.querySelectorAll("time")) {
    const moment = new Date(time.dateTime);
    time.textContent = clock.format(moment);
    time.title = exact.format(moment);
  }
}

/* In the words of generation/expectation.py. */
function leftWords(seconds, { queued }) {
  if (seconds < 2) return "any moment now";
  return `about ${seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`}${queued ? "" : " left"}`;
}

setInterval(() => {
  for (const left of feed.querySelectorAll("[data-left]")) {
    left.textContent = leftWords(Math.round(left.dataset.left - Date.now() / 1000), { queued: "queued" in left.dataset });
  }
  for (const since of feed.querySelectorAll("[data-since]")) {
    since.textContent = ` · ${Math.max(0, Math.round(Date.now() / 1000 - Number(since.dataset.since)))} s`;
  }
}, 1_000);

/* --- Buttons of a row --- */

// On the feed, so that it comes before what every page does with a form.
feed.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-row-action]");
  if (!form) return;
  event.preventDefault();
  const button = form.querySelector("button");
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(form.action, { method: "POST", body: new FormData(form), ...part });
    const html = await response.text();
    if (response.ok) insert(html, { own: form.dataset.rowAction === "new" });
    else if ([402, 422].includes(response.status)) {
      window.easel.toast(parse(html).querySelector("p").textContent.trim(), { level: "error" });
    } else throw new Error(String(response.status));
    if (form.isConnected) want(idOf(form.closest("[data-run]")));
  } catch {
    window.easel.toast("Easel can’t be reached. Nothing was charged; try again.", { level: "error" });
  } finally {
    button.removeAttribute("aria-busy");
  }
});

/* --- Credits --- */

async function standing() {
  const response = await ask(feed.dataset.standing);
  if (!response.ok) return;
  const fresh = parse(await response.text());
  const ring = document.getElementById("credit-ring");
  if (ring && !ring.contains(document.activeElement)) ring.replaceChildren(fresh);
  const available = fresh.dataset.available;
  for (const shown of document.querySelectorAll("[data-available-shown]")) {
    shown.textContent = new Intl.NumberFormat("en-GB").format(available);
  }
  document.dispatchEvent(new CustomEvent("easel:credits", { detail: available }));
}

/* --- What is fetched: a few at once, each one once, and first what is shown and has changed --- */

const changed = new Set();
const unknown = new Set();
const rising = new Set();
const underWay = new Set();
// What was fetched and is older than all that is shown here stays so.
const foreign = new Set();
let riseAt = 0;
let riseTimer;

function want(id) {
  if (id === CREDITS || rowOf(id)) changed.add(id);
  else if (newest && !foreign.has(id)) unknown.add(id);
  work();
}

/* What can wait leaves half of the places to what has changed. */
function next() {
  const waiting = underWay.size < FETCHES_MAX / 2 ? [...changed, ...unknown, ...rising] : [...changed];
  return waiting.find((id) => !underWay.has(id));
}

function work() {
  while (underWay.size < FETCHES_MAX) {
    const id = next();
    if (!id) return;
    for (const ids of [changed, unknown, rising]) ids.delete(id);
    underWay.add(id);
    bring(id)
      .catch(() => {})
      .finally(() => {
        underWay.delete(id);
        work();
      });
  }
}

async function bring(id) {
  if (id === CREDITS) return standing();
  const row = rowOf(id);
  if (row) return refresh(row);
  const response = await ask(feed.dataset.row.replace(NOBODY, id));
  if (response.ok) insert(await response.text());
  if ((response.ok || response.status === 404) && !rowOf(id)) foreign.add(id);
  return undefined;
}

/* When one starts, those behind it move up: all of them are asked for again, the more there are the less often. */
function rise() {
  riseTimer ??= setTimeout(() => {
    riseTimer = undefined;
    const queued = rows().filter((row) => row.dataset.state === "queued");
    riseAt = Date.now() + Math.max(RISE_MS, queued.length * RISE_ROW_MS);
    // The oldest are the next to start.
    for (const row of queued.reverse()) if (!underWay.has(idOf(row))) rising.add(idOf(row));
    work();
  }, Math.max(0, riseAt - Date.now()));
}

/* --- Hearing of it: the stream, and asking where it is silent --- */

const heardOf = new Set();
let gathering;
let heardAt = Date.now();

function flush() {
  gathering = undefined;
  const ids = [...heardOf];
  heardOf.clear();
  ids.forEach(want);
  if (ids.some((id) => id !== CREDITS)) rise();
}

function heard(id) {
  heardAt = Date.now();
  heardOf.add(id);
  gathering ??= setTimeout(flush, GATHER_MS);
}

/* What was missed can't be told any more: every row is asked for, those that are new here too. */
async function again() {
  heardAt = Date.now();
  const response = await fetch(location.href, { redirect: "error" });
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const told = [...fresh.querySelectorAll("[data-feed] [data-run]")];
  // The oldest first, so that each finds its place.
  for (const row of told.reverse()) insert(row.outerHTML);
  for (const row of unfinished()) if (!fresh.getElementById(row.id)) await refresh(row);
  await standing();
}

const alive = () => (heardAt = Date.now());
const stream = window.easel.listen(feed.dataset.stream, {
  generation: (event) => heard(event.data),
  credits: (event) => {
    heard(CREDITS);
    document.dispatchEvent(new CustomEvent("easel:heard", { detail: event.data }));
  },
  reset: () => again().catch(() => {}),
  open: alive,
  end: alive,
});

let askedAt = 0;
let polled = 0;

function poll() {
  const silence = Date.now() - heardAt;
  const waiting = unfinished().reverse();
  if (!waiting.length || document.hidden || (stream.live && silence < SILENT_MS)) return;
  if (Date.now() - askedAt < (silence > 60_000 ? POLL_SLOW_MS : POLL_MS)) return;
  askedAt = Date.now();
  // The oldest are the first to end; then those behind them, turn by turn.
  const turn = Math.min(POLLED_MAX, waiting.length);
  for (let place = 0; place < turn; place += 1) want(idOf(waiting[(polled + place) % waiting.length]));
  polled = (polled + turn) % waiting.length;
  want(CREDITS);
}

window.easel.feed = { insert };
times(feed);
count();
setInterval(poll, 1_000);
// A page that is left must not hold its stream, and one that comes back needs a new one.
window.addEventListener("pagehide", () => stream.close());
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
