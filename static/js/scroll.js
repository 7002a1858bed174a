/* Endless scrolling over the plain pages: older pictures come before one reaches the end, newer ones when one goes up.
   The address always names a page that shows what one is looking at, so reload and back come to the same picture. */

const { grid, fit } = window.easel.grid;
const here = () => location.pathname + location.search;
const TOP = 120;

/* --- Bringing pages --- */

async function page(href) {
  const answer = await fetch(href, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return null;
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

function place(days, { first }) {
  const added = [...days.querySelectorAll(".tile")];
  const fresh = first ? [...days.children].reverse() : [...days.children];
  for (const day of fresh) {
    const known = grid.querySelector(`[data-day="${day.dataset.day}"] .justified`);
    const pictures = day.querySelectorAll(".tile");
    if (known && first) known.prepend(...pictures);
    else if (known) known.append(...pictures);
    else if (first) grid.prepend(day);
    else grid.append(day);
  }
  return added;
}

async function bring(link, { first = false } = {}) {
  const href = link.getAttribute("href");
  const fresh = await page(link.href);
  if (!fresh) return;
  const days = fresh.querySelector("[data-grid]");
  const next = fresh.querySelector(first ? "[data-newer]" : "[data-older]");
  if (days) {
    fit(days);
    days.querySelector(".tile").dataset.page = href;
    const known = new Set([...grid.querySelectorAll(".tile")].map((tile) => tile.dataset.id));
    for (const tile of days.querySelectorAll(".tile")) if (known.has(tile.dataset.id)) tile.remove();
    const anchor = grid.querySelector(".tile");
    const before = anchor?.getBoundingClientRect().top;
    const added = place(days, { first });
    if (next) link.href = next.href;
    else link.parentElement.remove();
    // Last, as the link to what is newer stands above it too.
    if (first && anchor) scrollBy({ top: anchor.getBoundingClientRect().top - before, behavior: "instant" });
    document.dispatchEvent(new CustomEvent("easel:tiles", { detail: added }));
  } else link.parentElement.remove();
}

function older(link) {
  let busy = false;
  const watcher = new IntersectionObserver(
    async (entries) => {
      if (busy || !entries.at(-1).isIntersecting) return;
      busy = true;
      try {
        await bring(link);
      } catch {
        watcher.disconnect(); // Offline: the link stays, and asking again is up to the person.
      }
      busy = false;
      watcher.unobserve(link);
      if (link.isConnected) watcher.observe(link); // Asks once more when it is still near.
    },
    { rootMargin: "0px 0px 150% 0px" },
  );
  watcher.observe(link);
}

function newer(link) {
  let busy = false;
  let last = scrollY;
  async function up() {
    if (busy || !link.isConnected) return;
    busy = true;
    await bring(link, { first: true }).catch(() => {});
    busy = false;
  }
  addEventListener(
    "scroll",
    () => {
      if (scrollY < last && scrollY < 300) up();
      last = scrollY;
    },
    { passive: true },
  );
  addEventListener("wheel", (event) => event.deltaY < 0 && scrollY === 0 && up(), { passive: true });
}

/* --- The address and the exact place --- */

const start = here();
let settle;

function shown() {
  return [...grid.querySelectorAll(".tile")].find((tile) => tile.getBoundingClientRect().bottom > TOP);
}

function keepPlace() {
  clearTimeout(settle);
  settle = setTimeout(remember, 150);
}

function remember() {
  clearTimeout(settle);
  const top = shown();
  const begun = [...grid.querySelectorAll("[data-page]")];
  const passed = begun.filter((tile) => tile.getBoundingClientRect().top < TOP);
  const address = (passed.at(-1) ?? begun[0]).dataset.page;
  const state = top && scrollY > 0 ? { id: top.dataset.id, top: Math.round(top.getBoundingClientRect().top) } : null;
  history.replaceState(state, "", address);
}

function restore() {
  const kept = history.state;
  if (!kept?.id) return;
  const tile = grid.querySelector(`[data-id="${CSS.escape(kept.id)}"]`);
  if (tile) scrollTo({ top: scrollY + tile.getBoundingClientRect().top - kept.top, behavior: "instant" });
}

if (grid) {
  const first = grid.querySelector(".tile");
  first.dataset.page = start;
  history.scrollRestoration = "manual";
  restore();
  addEventListener("scroll", keepPlace, { passive: true });
  addEventListener("pagehide", remember);
  const down = document.querySelector("[data-older]");
  const up = document.querySelector("[data-newer]");
  if (down) older(down);
  if (up) newer(up);
}

/* --- New pictures while one looks at older ones --- */

const arrivals = document.querySelector("[data-arrivals]");
let asking;

async function arrived() {
  const answer = await fetch(`${arrivals.dataset.arrivals}&after=${arrivals.dataset.newest}`, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return;
  const { images } = await answer.json();
  document.querySelector(".new-above")?.remove();
  if (!images) return;
  const button = Object.assign(document.createElement("button"), { type: "button", className: "button new-above" });
  button.textContent = `${images} new ↑`;
  button.addEventListener("click", () => {
    const { query } = document.querySelector("[data-gallery]").dataset;
    history.replaceState(null, "", `${location.pathname}${query ? `?${query}` : ""}`);
    location.reload();
  });
  document.querySelector(".page").append(button);
  window.easel.announce(`${images} new image${images === 1 ? "" : "s"}`);
}

if (arrivals) {
  document.addEventListener("easel:changed", (event) => {
    if (!["generation", "image", "reset"].includes(event.detail)) return;
    clearTimeout(asking);
    asking = setTimeout(() => arrived().catch(() => {}), 400);
  });
}
