/* Keys of the Studio, the gallery and a picture's page. Single keys are off in fields and dialogs, and can be switched
   off altogether: the other scripts ask `window.easel.singleKeys()`. */

const OFF = "easel-single-keys-off";
const mac = /Mac|iPhone|iPad/.test(navigator.platform);
const form = document.getElementById("composer");
const dialog = document.getElementById("shortcuts");
const choice = dialog.querySelector("[data-single-keys]");
const pages = { s: ".rail-item:nth-of-type(2), [href='/']", g: "[href='/gallery/']", c: "[href='/credits/']" };

for (const key of document.querySelectorAll("[data-mod]")) key.textContent = mac ? "⌘" : "Ctrl";
for (const key of document.querySelectorAll("[data-alt]")) key.textContent = mac ? "⌥" : "Alt";
for (const key of document.querySelectorAll("[data-mod-enter]")) key.textContent = mac ? "⌘↵" : "Ctrl ↵";

const stored = (action) => {
  try {
    return action();
  } catch {
    return null; // Private windows may have no storage.
  }
};
choice.checked = stored(() => localStorage.getItem(OFF)) !== "1";
choice.addEventListener("change", () => stored(() => localStorage.setItem(OFF, choice.checked ? "0" : "1")));

window.easel.singleKeys = () => choice.checked;

/* `/` goes to where one writes: the search of the gallery, else the prompt. */
function write() {
  const search = document.getElementById("search");
  if (search) return search.select();
  if (getComputedStyle(form.elements.prompt).display === "none" || !form.elements.prompt.checkVisibility()) {
    form.querySelector("[data-composer-open]")?.click();
  }
  return form.elements.prompt.focus();
}

function nextRatio() {
  const options = [...form.querySelectorAll("[name=aspect_ratio]")];
  const next = options[(options.findIndex((option) => option.checked) + 1) % options.length];
  next.checked = true;
  window.easel.composer.change();
  window.easel.announce(`${next.value}, ${next.dataset.pixels}`);
}

function switchTheme() {
  const dark = getComputedStyle(document.documentElement).colorScheme.startsWith("dark");
  document.querySelector(`[data-theme-choice] input[value=${dark ? "light" : "dark"}]`)?.click();
}

let goingUntil = 0;

/* A picture's page has no rail. */
function go(link) {
  const there = document.querySelector(`.rail ${link}`);
  if (there) there.click();
  else location.assign(link.slice("[href='".length, -"']".length));
}

function single(event) {
  const key = event.key.toLowerCase();
  if (Date.now() < goingUntil && key in pages) {
    goingUntil = 0;
    return () => go(pages[key].split(", ").pop());
  }
  if (event.key === "/" && (form || document.getElementById("search"))) return write;
  if (event.key === "?") return () => dialog.showModal();
  if (event.key === "L" && event.shiftKey) return switchTheme;
  if (event.key === "g") return () => (goingUntil = Date.now() + 1_500);
  return null;
}

function composing(event) {
  if (!window.easel.composer || !event.altKey || event.ctrlKey || event.metaKey || !form.contains(event.target)) return null;
  if (event.key === "ArrowUp") return () => window.easel.composer.setCount(1);
  if (event.key === "ArrowDown") return () => window.easel.composer.setCount(-1);
  if (event.code === "KeyA") return nextRatio;
  return null;
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || document.querySelector("dialog[open]")) return;
  const inField = event.target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  const act = plain ? !inField && choice.checked && single(event) : composing(event);
  if (!act) return;
  event.preventDefault();
  act();
});
