/* Choosing pictures: click, ⇧ click, X or Space, press and hold by touch, or all that are found; and what is done
   with them. The boxes on the tiles are the selection; without scripts they are a plain form. */

const { grid, tiles, link, equip } = window.easel.grid;
const gallery = document.querySelector("[data-gallery]");
const form = document.getElementById("choose");
const bar = document.querySelector("[data-choose-bar]");
const menu = document.getElementById("tile-menu");
const HOLD_MS = 350;
const AT_ONCE = ["favourite", "unfavourite", "trash", "uncollect"];
const numbers = new Intl.NumberFormat("en-GB");
const said = (count) => `${numbers.format(count)} image${count === 1 ? "" : "s"}`;
const box = (tile) => tile.querySelector(".tile-check input");
const isOn = (tile) => Boolean(box(tile)?.checked);
let all = 0; // How many there are when all are chosen, else 0.
let last;

/* --- The circle on each tile --- */

function mark(tile) {
  if (box(tile)) return;
  const made = document.getElementById("tile-check").content.cloneNode(true);
  const field = made.querySelector("input");
  field.value = tile.dataset.id;
  field.checked = all > 0;
  made.querySelector(".visually-hidden:not(input)").textContent = `Select ${tile.querySelector(".tile-picture").alt}`;
  tile.append(made);
}

const isSelecting = () => gallery.classList.contains("is-selecting");

function begin() {
  if (isSelecting()) return;
  tiles().forEach(mark);
  gallery.classList.add("is-selecting");
  show();
}

function end() {
  all = 0;
  for (const tile of tiles()) if (box(tile)) box(tile).checked = false;
  gallery.classList.remove("is-selecting");
  label();
  last = undefined;
}

function count() {
  const on = tiles().filter(isOn).length;
  return all ? all - (tiles().length - on) : on;
}

function label() {
  const toggle = document.querySelector("[data-select] > span");
  if (toggle) toggle.textContent = isSelecting() ? "Done" : "Select";
}

let total;
async function show() {
  label();
  const chosen = count();
  bar.querySelector("[data-choose-count]").textContent = chosen ? `${numbers.format(chosen)} selected` : "Choose images";
  for (const button of bar.querySelectorAll("[name=verb]")) button.disabled = !chosen;
  const every = bar.querySelector("[data-choose-all]");
  total ??= fetch(`${every.dataset.chooseAll}&exact=1`, { credentials: "same-origin" }).then((answer) => answer.json());
  const { images, most } = await total.catch(() => ({}));
  if (!images) return;
  every.dataset.images = images;
  every.textContent = all ? "None" : `Select all ${numbers.format(images)}`;
  every.hidden = images > most;
}

function set(tile, on) {
  mark(tile);
  box(tile).checked = on;
}

function toggle(tile, { range = false } = {}) {
  begin();
  const on = !isOn(tile);
  if (range && last?.isConnected) {
    const every = tiles();
    const [from, to] = [every.indexOf(last), every.indexOf(tile)].sort((a, b) => a - b);
    for (const between of every.slice(from, to + 1)) set(between, isOn(last));
  } else set(tile, on);
  last = tile;
  if (!count()) end();
  else show();
}

/* --- With the pointer and the keys --- */

grid?.addEventListener(
  "click",
  (event) => {
    const tile = event.target.closest(".tile");
    if (!tile || event.target.closest(".tile-tools")) return;
    const onCircle = event.target.closest(".tile-check");
    if (!onCircle && !isSelecting()) {
      if (!event.shiftKey) return;
    }
    if (held) {
      event.preventDefault();
      return;
    }
    // A label passes its click on to its box; the box alone is left to the browser and read in `change`.
    if (onCircle && event.target.matches("input")) return;
    event.preventDefault();
    toggle(tile, { range: event.shiftKey });
  },
  true,
);
grid?.addEventListener("change", (event) => {
  const tile = event.target.closest(".tile");
  if (!tile) return;
  gallery.classList.add("is-selecting");
  last = tile;
  if (!count()) end();
  else show();
});
grid?.addEventListener("pointerover", (event) => {
  const tile = event.target.closest(".tile");
  if (tile && event.pointerType === "mouse") mark(tile);
});

/* Press and hold, then draw over others. */
let holding;
let held = false;
let drawing;

grid?.addEventListener("pointerdown", (event) => {
  held = false;
  const tile = event.target.closest(".tile");
  if (event.pointerType !== "touch" || !tile) return;
  holding = setTimeout(() => {
    held = true;
    drawing = !isOn(tile);
    begin();
    set(tile, drawing);
    last = tile;
    show();
    navigator.vibrate?.(10);
  }, HOLD_MS);
});
for (const name of ["pointerup", "pointercancel"]) {
  addEventListener(name, () => {
    clearTimeout(holding);
    drawing = undefined;
    if (held) setTimeout(() => (held = false), 400);
  });
}
grid?.addEventListener("pointermove", (event) => {
  if (event.pointerType === "touch" && !held && Math.hypot(event.movementX, event.movementY) > 6) clearTimeout(holding);
});
grid?.addEventListener(
  "touchmove",
  (event) => {
    if (drawing === undefined) return clearTimeout(holding);
    event.preventDefault();
    const { clientX, clientY } = event.touches[0];
    const tile = document.elementFromPoint(clientX, clientY)?.closest(".tile");
    if (tile && isOn(tile) !== drawing) {
      set(tile, drawing);
      show();
    }
    return undefined;
  },
  { passive: false },
);
grid?.addEventListener("contextmenu", (event) => {
  if (held || holding && event.pointerType === "touch") event.preventDefault();
});

const quick = { f: "favourite", t: "tag", l: "collect", d: "download", s: "share", Backspace: "trash", Delete: "trash" };

document.addEventListener("keydown", (event) => {
  if (!grid || event.defaultPrevented || event.altKey) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
  if (document.querySelector("dialog[open], :popover-open:not(#sidebar)")) return;
  const mod = event.ctrlKey || event.metaKey;
  const tile = event.target.closest(".tile");
  if (mod && event.key === "a" && (tile || isSelecting())) chooseLoaded();
  else if (mod) return;
  else if (event.key === "Escape" && isSelecting()) leave();
  else if (event.key === " " && tile) toggle(tile, { range: event.shiftKey });
  else if (!window.easel.singleKeys?.()) return;
  else if (event.key.toLowerCase() === "x" && tile) toggle(tile, { range: event.shiftKey });
  else if (quick[event.key] && !event.shiftKey && (tile || count())) press(quick[event.key], tile);
  else return;
  event.preventDefault();
});

function leave() {
  const back = last;
  end();
  if (back?.isConnected) link(back).focus();
}

function chooseLoaded() {
  begin();
  for (const tile of tiles()) set(tile, true);
  show();
}

/* A key acts on what is chosen; where nothing is, on the picture that has the focus. */
function press(verb, tile) {
  if (!count() && verb === "favourite") return window.easel.grid.like(tile);
  if (!count() && verb === "share") return location.assign(menu.querySelector("[data-share]").dataset.href.replace("{id}", tile.dataset.id));
  if (!count() && verb === "download") return location.assign(`/files/images/${tile.dataset.id}/original?download=1`);
  if (!count()) return one(verb, tile.dataset.id);
  return bar.querySelector(`[name=verb][value=${verb}]`)?.click();
}

/* --- All that are found --- */

bar?.querySelector("[data-choose-all]").addEventListener("click", (event) => {
  if (all) return leave();
  all = Number(event.target.dataset.images) || 0;
  for (const tile of tiles()) set(tile, true);
  show();
  window.easel.announce(`All ${said(all)} selected`);
  return undefined;
});
bar?.querySelector("[data-choose-clear]").addEventListener("click", (event) => {
  event.preventDefault();
  leave();
});
document.querySelector("[data-select]")?.addEventListener("click", (event) => {
  if (!grid) return;
  event.preventDefault();
  if (isSelecting()) leave();
  else begin();
});
document.addEventListener("easel:tiles", (event) => {
  if (isSelecting()) event.detail.forEach(mark);
});

/* Of all that are found the form names those that were taken out again. */
form?.addEventListener("formdata", (event) => {
  if (!all) return;
  event.formData.delete("image");
  event.formData.set("all", "1");
  for (const tile of tiles()) if (!isOn(tile)) event.formData.append("without", tile.dataset.id);
});

/* --- What is done with them --- */

form?.addEventListener("submit", async (event) => {
  const verb = event.submitter?.value;
  if (verb === "share") return;
  event.preventDefault();
  const chosen = tiles().filter(isOn);
  await send(new FormData(form, event.submitter), verb, chosen, { everything: all > 0 });
});

async function send(data, verb, chosen, { everything = false } = {}) {
  // The page's own collection is where they are taken out of, not where they are put.
  if (verb === "collect") data.delete("collection");
  const button = bar.querySelector(`[name=verb][value=${verb}]`);
  button?.setAttribute("aria-busy", "true");
  try {
    if (!AT_ONCE.includes(verb)) return window.easel.ask.show(await asked(data));
    const answer = await window.easel.post(form.action, data);
    if (answer.status === 422) return void window.easel.toast(await answer.text(), { level: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    const done = await answer.json();
    window.easel.toast(done.said, { level: "success", undo: done.undo });
    shown(verb, chosen, everything);
    document.body.dispatchEvent(new Event("easel:counts"));
  } catch {
    window.easel.toast("That didn’t arrive. Try again.", { level: "error" });
  } finally {
    button?.removeAttribute("aria-busy");
  }
  return undefined;
}

async function asked(data) {
  const answer = await fetch(form.action, { method: "POST", body: data, credentials: "same-origin" });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.text();
}

/* The page shows what was done, without asking again. */
function shown(verb, chosen, everything) {
  const here = new URLSearchParams(gallery.dataset.query);
  const gone = verb === "uncollect" || (verb === "unfavourite" && here.has("favourites"));
  if (verb === "trash" || gone) {
    if (everything) return location.reload();
    const mine = verb === "trash" ? chosen.filter((tile) => "mine" in tile.dataset) : chosen;
    const next = tiles()[tiles().indexOf(mine.at(-1)) + 1] ?? tiles().find((tile) => !mine.includes(tile));
    for (const tile of mine) remove(tile);
    end();
    if (!tiles().length) return location.reload();
    window.easel.grid.stopAt(next ?? tiles()[0]);
    link(next ?? tiles()[0]).focus({ preventScroll: true });
    return undefined;
  }
  for (const tile of chosen) {
    tile.toggleAttribute("data-favourite", verb === "favourite");
    equip(tile);
    window.easel.grid.showHeart(tile);
  }
  end();
  return undefined;
}

function remove(tile) {
  const day = tile.closest(".gallery-day");
  // The place it stood for goes on to the next one.
  const next = tile.nextElementSibling ?? day.nextElementSibling?.querySelector(".tile");
  if (tile.dataset.page && next && !next.dataset.page) next.dataset.page = tile.dataset.page;
  tile.remove();
  if (!day.querySelector(".tile")) day.remove();
}

/* --- One picture alone, from its menu or by a key --- */

function one(verb, id) {
  const tile = tiles().find((other) => other.dataset.id === id);
  const data = new FormData();
  data.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  data.set("walk", gallery.dataset.query);
  data.set("verb", verb);
  data.append("image", id);
  const collection = form.querySelector("[data-of-page]");
  if (collection && verb === "uncollect") data.set("collection", collection.value);
  return send(data, verb, tile ? [tile] : []);
}

menu?.addEventListener("click", (event) => {
  const item = event.target.closest("[data-one], [data-step], [data-cover]");
  if (!item) return;
  if (item.dataset.one) one(item.dataset.one, menu.dataset.id);
  else if (item.dataset.step) step(menu.dataset.id, item.dataset.step);
  else item.value = menu.dataset.id;
  menu.hidePopover();
});

/* --- The order of a collection: by dragging, or a step at a time from the menu --- */

const order = document.querySelector("[data-move]");

async function place(tile, beside, side) {
  if (side === "before") beside.before(tile);
  else beside.after(tile);
  const answer = await window.easel.post(order.dataset.move, { image: tile.dataset.id, beside: beside.dataset.id, side }).catch(() => null);
  if (answer?.ok) window.easel.announce("Moved");
  else {
    window.easel.toast((answer?.status === 422 && (await answer.text())) || "That didn’t arrive. Load the page again.", { level: "error" });
  }
}

function step(id, side) {
  const tile = tiles().find((other) => other.dataset.id === id);
  const beside = side === "before" ? tile.previousElementSibling : tile.nextElementSibling;
  if (beside) place(tile, beside, side);
  link(tile).focus();
}

if (order && grid) {
  let dragged;
  grid.addEventListener("dragstart", (event) => {
    dragged = event.target.closest(".tile");
    event.dataTransfer.effectAllowed = "move";
  });
  grid.addEventListener("dragover", (event) => dragged && event.target.closest(".tile") && event.preventDefault());
  grid.addEventListener("drop", (event) => {
    const over = event.target.closest(".tile");
    if (!dragged || !over || over === dragged) return;
    event.preventDefault();
    const frame = over.getBoundingClientRect();
    place(dragged, over, event.clientX < frame.left + frame.width / 2 ? "before" : "after");
  });
  grid.addEventListener("dragend", () => (dragged = undefined));
}

if (grid && bar) {
  if (isSelecting()) show();
  // Boxes that the browser brings back with the page.
  addEventListener("pageshow", () => isSelecting() && show());
}
