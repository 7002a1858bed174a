/* The feed stays true while the page is open: a stream names what changed, and that row is fetched again.
   Where the stream is silent, what is unfinished is asked for every few seconds. */

const feed = document.querySelector("[data-feed]");
const newest = "newest" in feed.dataset;
const POLL_MS = 3_000;
const POLL_SLOW_MS = 10_000;
const SILENT_MS = 10_000;
const POLLED_MAX = 8;
const NOBODY = "00000000-0000-0000-0000-000000000000";
const part = { headers: { "X-Part": "row" }, redirect: "error" };

const rows = () => [...feed.querySelectorAll("[data-run]")];
const unfinished = () => rows().filter((row) => "unfinished" in row.dataset);
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const parse = (html) => Object.assign(document.createElement("template"), { innerHTML: html.trim() }).content.firstElementChild;

/* --- One row --- */

async function refresh(row) {
  const response = await fetch(row.dataset.run, part);
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
  copy.querySelectorAll("time").forEach((one) => one.replaceChildren());
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

async function touched(id) {
  const row = document.getElementById(`run-${id}`);
  if (row) await refresh(row);
  else if (newest) {
    const response = await fetch(feed.dataset.row.replace(NOBODY, id), part);
    if (response.ok) insert(await response.text());
  }
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
function leftWords(seconds) {
  if (seconds < 2) return "any moment now";
  return `about ${seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`} left`;
}

setInterval(() => {
  for (const left of feed.querySelectorAll("[data-left]")) {
    left.textContent = leftWords(Math.round(left.dataset.left - Date.now() / 1000));
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
    if (form.isConnected) touched(form.closest("[data-run]").id.slice(4));
  } catch {
    window.easel.toast("Easel can’t be reached. Nothing was charged; try again.", { level: "error" });
  } finally {
    button.removeAttribute("aria-busy");
  }
});

/* --- Credits --- */

async function standing() {
  const response = await fetch(feed.dataset.standing, part);
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

/* --- Hearing of it: the stream, and asking where it is silent --- */

const dirty = new Set();
let flushing;
let heardAt = Date.now();

function flush() {
  flushing = undefined;
  const ids = [...dirty];
  dirty.clear();
  for (const id of ids) (id === "credits" ? standing() : touched(id)).catch(() => {});
  // When one starts, those behind it move up.
  for (const row of rows()) {
    if (row.dataset.state === "queued" && !ids.includes(row.id.slice(4))) refresh(row).catch(() => {});
  }
}

function heard(id) {
  heardAt = Date.now();
  dirty.add(id);
  flushing ??= setTimeout(flush, 40);
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

let stream;

function listen() {
  stream = new EventSource(feed.dataset.stream);
  stream.addEventListener("generation", (event) => heard(event.data));
  stream.addEventListener("credits", (event) => {
    heard("credits");
    document.dispatchEvent(new CustomEvent("easel:heard", { detail: event.data }));
  });
  stream.addEventListener("reset", () => again().catch(() => {}));
  for (const name of ["open", "end"]) stream.addEventListener(name, () => (heardAt = Date.now()));
}

let askedAt = 0;

function poll() {
  const silence = Date.now() - heardAt;
  const live = stream?.readyState === EventSource.OPEN;
  if (!unfinished().length || document.hidden || (live && silence < SILENT_MS)) return;
  if (Date.now() - askedAt < (silence > 60_000 ? POLL_SLOW_MS : POLL_MS)) return;
  askedAt = Date.now();
  for (const row of unfinished().slice(0, POLLED_MAX)) refresh(row).catch(() => {});
  standing().catch(() => {});
}

window.easel.feed = { insert };
times(feed);
count();
listen();
setInterval(poll, 1_000);
// A page that is left must not hold its stream, and one that comes back needs a new one.
window.addEventListener("pagehide", () => stream.close());
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
