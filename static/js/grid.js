/* The gallery's grid: exact ratios, the size of the rows, the arrow keys, and the tools of a tile.
   Offers `window.easel.grid` to the gallery's other scripts; `easel:tiles` says that tiles were added. */

const grid = document.querySelector("[data-grid]");
const tiles = () => [...(grid?.querySelectorAll(".tile") ?? [])];
const link = (tile) => tile.querySelector("a");

/* --- The stylesheet knows ten shapes; what lies between them is set here --- */

function fit(root) {
  for (const tile of root.querySelectorAll(".tile")) {
    const picture = tile.querySelector(".tile-picture");
    tile.style.setProperty("--ratio", picture.getAttribute("width") / picture.getAttribute("height"));
  }
}

/* --- How high the rows are, as last chosen in this browser --- */

const ROW = "easel-row-height";
const slider = document.querySelector("[data-row-height]");

function stored(action) {
  try {
    return action();
  } catch {
    return null; // Private windows may have no storage.
  }
}

function setRow(height) {
  const from = slider.min;
  slider.style.setProperty("--filled", `${((height - from) / (slider.max - from)) * 100}%`);
  if (innerWidth >= 768) document.querySelector("[data-gallery]").style.setProperty("--row", `${height}px`);
}

if (slider) {
  slider.value = stored(() => localStorage.getItem(ROW)) ?? slider.value;
  setRow(slider.value);
  slider.addEventListener("input", () => setRow(slider.value));
  slider.addEventListener("change", () => stored(() => localStorage.setItem(ROW, slider.value)));
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
  if (event.target.closest("button, [popover]")) return;
  const next = target(event.key, tile);
  if (!next) return;
  event.preventDefault();
  stopAt(next);
  link(next).focus();
}

/* --- The heart and the menu of a tile: made when the pointer or the focus comes --- */

const tools = document.getElementById("tile-tools");
const heart = document.getElementById("tile-heart");
const menu = document.getElementById("tile-menu");

function showHeart(tile) {
  const liked = "favourite" in tile.dataset;
  tile.querySelector(".tile-heart")?.remove();
  if (liked) tile.append(heart.content.cloneNode(true));
  tile.querySelector("[data-like]")?.setAttribute("aria-pressed", String(liked));
}

function equip(tile) {
  if (tile.querySelector(".tile-tools") || !tools) return;
  tile.append(tools.content.cloneNode(true));
  tile.querySelector("[data-more]").popoverTargetElement = menu;
  showHeart(tile);
}

async function like(tile) {
  const liked = !("favourite" in tile.dataset);
  tile.toggleAttribute("data-favourite", liked);
  showHeart(tile);
  try {
    const answer = await window.easel.post(`/images/${tile.dataset.id}/favourite`, { on: liked ? "1" : "0" });
    if (!answer.ok) throw new Error(String(answer.status));
    window.easel.announce(liked ? "Added to your favourites" : "Not a favourite any more");
  } catch {
    tile.toggleAttribute("data-favourite", !liked);
    showHeart(tile);
    window.easel.toast("That didn’t arrive. Try again.", { level: "error" });
  }
}

/* The menu is one for all tiles: its links name the picture by {id}. */
function aim(tile) {
  for (const item of menu.querySelectorAll("[data-href]")) item.href = item.dataset.href.replace("{id}", tile.dataset.id);
  menu.dataset.id = tile.dataset.id;
  for (const item of menu.querySelectorAll("[data-own]")) item.hidden = !("mine" in tile.dataset);
}

function settle(added) {
  for (const tile of added) {
    link(tile).tabIndex = -1;
    if ("favourite" in tile.dataset) showHeart(tile);
  }
}

/* Days say how many they have once it is sure that all of them are here. */
function countDays() {
  const days = [...grid.querySelectorAll(".gallery-day[data-day]")];
  const more = { older: document.querySelector("[data-older]"), newer: document.querySelector("[data-newer]") };
  days.forEach((day, at) => {
    const span = day.querySelector(".gallery-day-head > span");
    if (!span || (at === 0 && more.newer) || (at === days.length - 1 && more.older)) return;
    const count = day.querySelectorAll(".tile").length;
    span.dataset.said ??= span.textContent.trim();
    span.textContent = `${span.dataset.said ? `${span.dataset.said} · ` : ""}${count} image${count === 1 ? "" : "s"}`;
  });
}

if (grid) fit(grid);
// In the trash no picture can be opened.
if (grid?.querySelector(".tile > a")) {
  settle(tiles());
  countDays();
  const first = tiles()[0];
  if (first) stopAt(first);
  grid.addEventListener("keydown", walk);
  grid.addEventListener("focusin", (event) => {
    const tile = event.target.closest(".tile");
    if (!tile) return;
    stopAt(tile);
    equip(tile);
  });
  grid.addEventListener("pointerover", (event) => {
    const tile = event.target.closest(".tile");
    if (tile && event.pointerType === "mouse") equip(tile);
  });
  grid.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile");
    if (event.target.closest("[data-like]")) like(tile);
    else if (event.target.closest("[data-more]")) aim(tile);
  });
  document.addEventListener("easel:tiles", (event) => {
    settle(event.detail);
    countDays();
  });
}

window.easel.grid = { grid, tiles, link, fit, stopAt, equip, like, showHeart };
