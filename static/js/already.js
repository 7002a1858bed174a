/* “We already have this”: asks a moment after the draft has changed, and says so once. Never in the way. */

const form = document.getElementById("composer");
const room = form.querySelector("[data-already]");
const WAIT_MS = 400;
let timer;
let turn = 0;
let said = "";

form.querySelector("[data-already-look]")?.remove();

async function look() {
  const mine = ++turn;
  const body = new FormData(form);
  body.delete("files");
  const text = form.elements.prompt.value.trim();
  const response = text
    ? await fetch(room.dataset.already, { method: "POST", body, redirect: "error" }).catch(() => null)
    : null;
  // What was asked for before the last change doesn't matter any more.
  if (mine !== turn || (text && !response?.ok)) return;
  room.innerHTML = response ? await response.text() : "";
  const words = room.querySelector("[data-already-words]")?.textContent ?? "";
  if (words && words !== said) window.easel.announce(words);
  said = words;
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(look, WAIT_MS);
}

form.addEventListener("input", (event) => {
  if (event.target.name === "prompt") later();
});
form.addEventListener("composer:change", later);
if (form.elements.prompt.value.trim() && !room.textContent.trim()) later();
