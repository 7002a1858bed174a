/* The gallery's grid: exact ratios, older pictures as one scrolls, and the arrow keys. */

const grid = document.querySelector("[data-grid]");
const tiles = () => [...grid.querySelectorAll(".tile")];
const link = (tile) => tile.querySelector("a");

/* --- The stylesheet knows ten shapes; what lies between them is set here --- */

function fit(root) {
  for (const tile of root.querySelectorAll(".tile")) {
    const picture = tile.querySelector(".tile-picture");
    tile.style.setProperty("--ratio", picture.getAttribute("width") / picture.getAttribute("height"));
  }
}

/* --- One tab stop for the whole grid; arrows move inside it --- */

function stopAt(tile) {
  for (const other of grid.querySelectorAll('a[tabindex="0"]')) other.tabIndex = -1;
  link(tile).tabIndex = 0;
}

function beside(tile, rows) {
  const from = tile.getBoundingClientRect();
  const middle = from.left + from.width / 2;
  let best;
  for (const other of tiles()) {
    const box = other.getBoundingClientRect();
    const down = (box.top - from.top) * rows;
    if (down < 8) continue;
    const apart = Math.abs(box.left + box.width / 2 - middle);
    if (!best || down < best.down - 8 || (down < best.down + 8 && apart < best.apart)) best = { other, down, apart };
  }
  return best?.other;
}

function target(key, tile) {
  const all = tiles();
  const at = all.indexOf(tile);
  if (key === "ArrowRight") return all[at + 1];
  if (key === "ArrowLeft") return all[at - 1];
  if (key === "ArrowDown") return beside(tile, 1);
  if (key === "ArrowUp") return beside(tile, -1);
  if (key === "Home") return all[0];
  if (key === "End") return all.at(-1);
  return undefined;
}

function walk(event) {
  const tile = event.target.closest(".tile");
  if (!tile || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const next = target(event.key, tile);
  if (!next) return;
  event.preventDefault();
  stopAt(next);
  link(next).focus();
}

/* --- Older pictures come before one reaches the end; without this the link leads to the next page --- */

function append(day) {
  const known = grid.querySelector(`[data-day="${day.dataset.day}"] .justified`);
  if (known) known.append(...day.querySelectorAll(".tile"));
  else grid.append(day);
}

async function more(older) {
  const answer = await fetch(older.href, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const days = page.querySelector("[data-grid]");
  const next = page.querySelector("[data-older]");
  if (days) {
    fit(days);
    for (const tile of days.querySelectorAll(".tile")) link(tile).tabIndex = -1;
    days.querySelector(".tile").dataset.page = older.getAttribute("href");
    for (const day of [...days.children]) append(day);
  }
  if (next) older.href = next.href;
  else older.parentElement.remove();
}

function watch(older) {
  let busy = false;
  const watcher = new IntersectionObserver(
    async (entries) => {
      if (busy || !entries.at(-1).isIntersecting) return;
      busy = true;
      try {
        await more(older);
      } catch {
        watcher.disconnect(); // Offline: the link stays, and asking again is up to the person.
      }
      busy = false;
      watcher.unobserve(older);
      if (older.isConnected) watcher.observe(older); // Asks once more when it is still near.
    },
    { rootMargin: "0px 0px 150% 0px" },
  );
  watcher.observe(older);
}

/* --- The address says which page one is looking at, so that a reload comes back to it --- */

let settle;
function keepPlace() {
  clearTimeout(settle);
  settle = setTimeout(() => {
    const passed = [...grid.querySelectorAll("[data-page]")].filter((tile) => tile.getBoundingClientRect().top < 120);
    const place = passed.at(-1)?.dataset.page ?? start;
    if (place !== here()) history.replaceState(history.state, "", place);
  }, 150);
}

const here = () => location.pathname + location.search;
const start = here();

if (grid) {
  fit(grid);
  for (const tile of tiles()) link(tile).tabIndex = -1;
  const first = tiles()[0];
  if (first) stopAt(first);
  grid.addEventListener("keydown", walk);
  grid.addEventListener("focusin", (event) => {
    const tile = event.target.closest(".tile");
    if (tile) stopAt(tile);
  });
  const older = document.querySelector("[data-older]");
  if (older) {
    watch(older);
    addEventListener("scroll", keepPlace, { passive: true });
  }
}

/* `/` goes to the search, unless one is typing. */
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  event.preventDefault();
  document.getElementById("search").select();
});
