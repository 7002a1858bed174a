/* The turns stay true while the page is open, as the Studio's feed does; a turn asked for here is gone to when
   its picture is there, unless something is being written. */

const place = document.querySelector("[data-turns]");
const strip = document.querySelector(".strip");
const timeline = document.getElementById("timeline");
const POLL_MS = 3_000;
const SILENT_MS = 10_000;

const unfinished = () => [...strip.querySelectorAll("[data-unfinished]")];

/* --- The strip keeps the current turn in view, and the arrows walk along its row --- */

function settle() {
  const current = strip.querySelector("[aria-current]")?.closest("li");
  if (current) strip.scrollLeft = current.offsetLeft - strip.offsetLeft - (strip.clientWidth - current.clientWidth) / 2;
}

function clocks() {
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
  const exact = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "long", timeStyle: "short" });
  for (const time of timeline.querySelectorAll("time")) {
    const moment = new Date(time.dateTime);
    time.textContent = clock.format(moment);
    time.title = exact.format(moment);
  }
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
  if (event.target.closest("input, textarea, select, [role=slider]")) return;
  if (document.querySelector(".pswp, dialog[open], :popover-open")) return;
  const here = strip.querySelector("[aria-current]")?.closest("li");
  const beside = event.key === "ArrowLeft" ? here?.previousElementSibling : here?.nextElementSibling;
  beside?.querySelector("a[href^='/']")?.click();
});

/* --- Hearing of it --- */

function swap(shown, fresh) {
  if (shown.innerHTML.trim() === fresh.innerHTML.trim()) return;
  const address = shown.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  shown.replaceChildren(...fresh.childNodes);
  if (address) shown.querySelector(`a[href="${CSS.escape(address)}"]`)?.focus({ preventScroll: true });
}

function say(turn) {
  const { label, state, href } = turn.dataset;
  if (!href) {
    window.easel.announce(`${label} didn’t work. Nothing was charged.`, { urgent: state === "failed" });
    return;
  }
  const writing = document.getElementById("prompt").value.trim() || document.querySelector("[data-reference]");
  if ("fromHere" in turn.dataset && !writing && !document.hidden) location.assign(href);
  else window.easel.toast(`${label} is ready. It stands in the strip of turns.`, { level: "success" });
}

async function refresh() {
  const before = unfinished().map((turn) => turn.id);
  const response = await fetch(place.dataset.turns, { headers: { "X-Part": "turns" }, redirect: "error" });
  if (!response.ok) return;
  const { content } = Object.assign(document.createElement("template"), { innerHTML: await response.text() });
  swap(strip, content.querySelector("[data-strip]"));
  swap(timeline, content.querySelector("[data-timeline]"));
  swap(document.querySelector(".refine [data-price]"), content.querySelector("[data-price]"));
  clocks();
  for (const id of before) {
    const turn = document.getElementById(id);
    if (turn && !("unfinished" in turn.dataset)) say(turn);
  }
}

let heardAt = Date.now();
let askedAt = 0;
let gathering;

function heard() {
  heardAt = Date.now();
  gathering ??= setTimeout(() => {
    gathering = undefined;
    refresh().catch(() => {});
  }, 60);
}

const alive = () => (heardAt = Date.now());
const stream = window.easel.listen(place.dataset.stream, {
  generation: heard,
  reset: heard,
  credits: (event) => {
    heard();
    document.dispatchEvent(new CustomEvent("easel:heard", { detail: event.data }));
  },
  open: alive,
  end: alive,
});

setInterval(() => {
  const live = stream.live && Date.now() - heardAt < SILENT_MS;
  if (!unfinished().length || document.hidden || live || Date.now() - askedAt < POLL_MS) return;
  askedAt = Date.now();
  refresh().catch(() => {});
}, 1_000);

settle();
clocks();
// A page that is left must not hold its stream, and one that comes back needs a new one.
addEventListener("pagehide", () => stream.close());
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
