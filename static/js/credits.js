/* A page about credits stays true while it is open: a change is heard of, and its parts are fetched again. */

const GATHER_MS = 250;
const live = document.querySelector("main [data-stream]");
let waiting;

/* Whatever has the focus is left alone; it is true again with the next change. */
function swap(fresh, selector) {
  const shown = document.querySelector(selector);
  const next = fresh.querySelector(selector);
  if (!shown || !next || shown.contains(document.activeElement)) return;
  if (shown.querySelector("details[open]")) next.querySelector("details").open = true;
  shown.innerHTML = next.innerHTML;
}

async function refresh() {
  const answer = await fetch(location.href, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const { dataset } of document.querySelectorAll("[data-part]")) swap(fresh, `[data-part="${dataset.part}"]`);
  swap(fresh, "#credit-ring");
  const left = fresh.querySelector(".balance-figure .display")?.textContent;
  if (left) window.easel.announce(`${left} credits available`);
}

/* A page that the browser keeps for "back" holds no connection; it catches up when it is shown again. */
let stream;
function listen(event) {
  if (event.persisted) again();
  stream = window.easel.listen(live.dataset.stream, {
    reset: again,
    credits: (heard) => {
      again();
      document.dispatchEvent(new CustomEvent("easel:heard", { detail: heard.data }));
    },
    generation: (heard) => {
      if (heard.data === live.dataset.generation) again();
    },
  });
}

/* Several changes at once are one. Offline the stream comes back by itself and tells them then. */
function again() {
  clearTimeout(waiting);
  waiting = setTimeout(() => refresh().catch(() => {}), GATHER_MS);
}

addEventListener("pageshow", listen);
addEventListener("pagehide", () => stream?.close());
