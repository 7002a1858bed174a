/* On every page: the balance in the rail stays true, and a refund is told of.
   A page with a stream of its own passes on what it hears of credits as `easel:heard`; the others listen here,
   and only while they are looked at, as a browser has few connections for one host. */

const { stream: address, standing, refund } = document.getElementById("toasts").dataset;
const NOBODY = "/0";
const GATHER_MS = 250;
let stream;
let waiting;

async function redraw() {
  const response = await fetch(standing, { credentials: "same-origin" });
  const ring = document.getElementById("credit-ring");
  if (!response.ok || response.redirected || !ring || ring.contains(document.activeElement)) return;
  ring.innerHTML = await response.text();
}

async function tell(entry) {
  const response = await fetch(refund.replace(NOBODY, `/${entry}`), { credentials: "same-origin" });
  if (response.ok && !response.redirected) window.easel.toast(await response.text(), { level: "success" });
}

/* The data of the event is empty, or what moved: `refund:` and the number of its ledger entry. */
function heard(what) {
  const entry = /^refund:(\d+)$/.exec(what)?.[1];
  if (entry) tell(entry).catch(() => {});
}

function later() {
  clearTimeout(waiting);
  waiting = setTimeout(() => redraw().catch(() => {}), GATHER_MS);
}

/* What else changed is passed on to the page. */
const changed = (kind) => document.dispatchEvent(new CustomEvent("easel:changed", { detail: kind }));

function listen() {
  if (stream || document.hidden) return;
  stream = window.easel.listen(address, {
    reset: () => {
      later();
      changed("reset");
    },
    generation: () => changed("generation"),
    image: () => changed("image"),
    credits: (event) => {
      later();
      heard(event.data);
    },
  });
}

function rest() {
  stream?.close();
  stream = undefined;
}

if (address) {
  document.addEventListener("easel:heard", (event) => heard(event.detail));
  if (!document.querySelector("main [data-stream]")) {
    listen();
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return rest();
      listen();
      later();
    });
    addEventListener("pagehide", rest);
    addEventListener("pageshow", (event) => {
      if (!event.persisted) return;
      listen();
      later();
    });
  }
}
