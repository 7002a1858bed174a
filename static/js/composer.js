/* The composer: price without delay, pickers, the draft that is never lost, and sending. */

const form = document.getElementById("composer");
const field = form.elements;
const prompt = field.prompt;
const generate = form.querySelector("[data-generate]");
const label = form.querySelector("[data-generate-label]");
const priceLines = form.querySelectorAll("[data-price]");
const draftKey = `easel-draft-${form.dataset.draft}`;
const number = new Intl.NumberFormat("en-GB");
const images = (count) => `${count} image${count === 1 ? "" : "s"}`;
const credits = (amount) => `${number.format(amount)} credit${amount === 1 ? "" : "s"}`;
const choices = form.querySelector("[data-choices]");
const countMax = () => Number(field.count.max);

/* --- Price --- */

const count = () => Math.min(countMax(), Math.max(1, Number.parseInt(field.count.value, 10) || 1));
const available = () => Number(form.dataset.available);
let sayPrice;

for (const line of priceLines) line.removeAttribute("role");

function showPrice({ say = false } = {}) {
  const price = Number(field.price.value);
  const cost = price * count();
  const left = available() - cost;
  for (const line of priceLines) {
    const strong = document.createElement("b");
    strong.textContent = credits(cost);
    const end = document.createElement("span");
    end.textContent = left < 0 ? `${number.format(-left)} short` : `${number.format(left)} left`;
    end.classList.toggle("bad", left < 0);
    line.replaceChildren(`${images(count())} · `, strong, " · ", end);
  }
  showShort(left < 0, price, cost);
  clearTimeout(sayPrice);
  if (say) sayPrice = setTimeout(() => window.easel.announce(priceLines[0].textContent), 600);
}

function showShort(short, price, cost) {
  const shown = document.getElementById("refusal");
  if (!short) {
    if (shown?.hasAttribute("data-credits")) shown.remove();
    return;
  }
  const strip = document.getElementById("short-template").content.firstElementChild.cloneNode(true);
  const affordable = Math.floor(available() / price);
  strip.querySelector("[data-short-lead]").textContent =
    `${count() === 1 ? "1 image costs" : `${count()} images cost`} ${credits(cost)}, you have ${number.format(available())}.`;
  const make = strip.querySelector("[data-short-make]");
  make.value = affordable;
  make.textContent = `Make ${affordable} for ${number.format(affordable * price)}`;
  if (!affordable) make.remove();
  if (shown?.textContent.trim() === strip.textContent.trim()) return;
  showRefusal(strip);
}

function showRefusal(strip) {
  document.getElementById("refusal")?.remove();
  form.querySelector(".composer-pill").before(strip);
}

/* --- What can be chosen --- */

function showChoices() {
  const ratio = form.querySelector("[name=aspect_ratio]:checked");
  const shape = ratio.closest("label").querySelector("svg").cloneNode(true);
  shape.setAttribute("viewBox", `0 0 ${shape.getAttribute("width")} ${shape.getAttribute("height")}`);
  shape.setAttribute("width", 18);
  shape.setAttribute("height", 18);
  form.querySelector("[data-ratio-shape]").replaceChildren(shape);
  form.querySelector("[data-ratio-name]").textContent = ratio.value;
  form.querySelector("[data-ratio-pixels]").textContent = ratio.dataset.pixels;
  form.querySelector("[data-model-name]").textContent = form.querySelector("[name=model]:checked").dataset.title;
  form.querySelector("[data-provider-name]").textContent = form.querySelector("[name=provider]:checked").dataset.title;
  for (const slider of form.querySelectorAll(".slider")) {
    form.querySelector(`output[for=${slider.id}]`).textContent = slider.value;
  }
  for (const button of form.querySelectorAll("[data-step]")) {
    button.disabled = Number(button.dataset.step) < 0 ? count() <= 1 : count() >= countMax();
  }
}

function showReady() {
  const empty = !prompt.value.trim();
  const off = empty || Number(field.price.value) * count() > available();
  generate.setAttribute("aria-disabled", String(off));
  const hint = document.getElementById("generate-hint");
  hint.hidden = !empty;
  if (empty) {
    generate.setAttribute("aria-describedby", hint.id);
    generate.dataset.tip = hint.textContent;
  } else {
    generate.removeAttribute("aria-describedby");
    delete generate.dataset.tip;
  }
  form.querySelector("[data-generate-count]").textContent = navigator.onLine ? ` ${images(count())}` : "";
  label.textContent = navigator.onLine ? (label.dataset.online ?? "Generate") : "Send when online";
  form.querySelector("[data-pill-prompt]").textContent = prompt.value.trim() || "Describe the picture";
}

function showPill() {
  const [first, ...others] = window.easel.references.list();
  const box = form.querySelector("[data-pill-picture]");
  box.querySelectorAll("img, .reference-number").forEach((part) => part.remove());
  box.querySelector(".icon")?.toggleAttribute("hidden", Boolean(first));
  if (!first) return;
  const picture = new Image();
  picture.src = first.src;
  picture.alt = "";
  const total = document.createElement("span");
  total.className = "reference-number";
  total.textContent = others.length + 1;
  box.append(picture, total);
}

function show(options) {
  showChoices();
  showPrice(options);
  showReady();
  showPill();
}

function setCount(value) {
  field.count.value = Math.min(countMax(), Math.max(1, value));
  change();
}

form.addEventListener("click", (event) => {
  const step = event.target.closest("[data-step]");
  if (step) setCount(count() + Number(step.dataset.step));
  if (event.target.closest("[data-sampling-reset]")) {
    for (const slider of form.querySelectorAll(".slider")) slider.value = slider.dataset.default;
    change();
  }
  // A press with the pointer chooses and closes; the arrows of the keyboard only move.
  const option = event.target.closest(".ratio-option");
  if (option && event.detail > 0) setTimeout(leave, 0, option.closest("[popover]"));
});

function leave(popover) {
  popover.hidePopover();
  form.querySelector(`[popovertarget=${popover.id}]`).focus();
}

// The pickers are drawn anew when choices change, so the form listens in their place.
form.addEventListener(
  "toggle",
  ({ target, newState }) => {
    if (newState !== "open" || !target.matches("[popover]") || target.contains(document.activeElement)) return;
    (target.querySelector(":checked") ?? target.querySelector("input"))?.focus();
  },
  true,
);
form.addEventListener("keydown", (event) => {
  const popover = event.target.closest("[popover]");
  if (!popover || event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  leave(popover);
});

/* --- Choices that change what else there is to choose --- */

const DECIDING = ["model", "provider", "image_size"];
let asked = 0;

/* Draws the choices that the server offers for the draft, `given` in place of what the form says. What is changed
   before it answers stays changed. */
async function refresh(given = {}) {
  const turn = ++asked;
  const before = values();
  const body = new FormData(form);
  body.delete("files");
  for (const [name, value] of Object.entries(given)) body.set(name, value);
  const response = await fetch(form.dataset.choicesAt, { method: "POST", body, redirect: "error" }).catch(() => null);
  // Out of reach, what is shown stays; the server checks what is sent anyway.
  if (!response?.ok) return;
  const text = await response.text();
  if (turn !== asked) return;
  const open = choices.querySelector(":popover-open")?.id;
  const held = choices.contains(document.activeElement) ? document.activeElement : null;
  const changed = Object.fromEntries(Object.entries(values()).filter(([name, value]) => value !== before[name]));
  choices.innerHTML = text;
  restore(changed);
  form.dataset.referencesMax = field.price.dataset.referencesMax;
  if (open) document.getElementById(open)?.showPopover();
  if (held) again(held)?.focus();
  window.easel.references.limit();
  show();
  keep();
}

/* The control that took the place of one that was drawn anew. */
function again(held) {
  if (held.type === "radio") return choices.querySelector(`[name="${held.name}"]:checked`);
  return held.id ? document.getElementById(held.id) : choices.querySelector(`[popovertarget="${held.getAttribute("popovertarget")}"]`);
}

/* --- The draft: kept on every change, brought back by the next page --- */

const KEPT = ["prompt", "aspect_ratio", "image_size", "count", "model", "provider", "temperature", "top_p", "collection"];

const values = () => Object.fromEntries(KEPT.filter((name) => field[name]).map((name) => [name, field[name].value]));

function keep() {
  const draft = values();
  draft.references = window.easel.references.list();
  try {
    localStorage.setItem(draftKey, JSON.stringify(draft));
  } catch {
    // Private windows may have no storage; the page works without a draft.
  }
}

function kept() {
  try {
    return JSON.parse(localStorage.getItem(draftKey)) ?? {};
  } catch {
    return {};
  }
}

function restore(draft) {
  for (const name of KEPT) {
    if (!(name in draft) || !field[name]) continue;
    const before = field[name].value;
    field[name].value = draft[name];
    if (field[name] instanceof RadioNodeList && field[name].value === "" && draft[name] !== "") field[name].value = before;
  }
  setPromptHeight();
}

function setPromptHeight() {
  if (CSS.supports("field-sizing", "content")) return;
  prompt.style.height = "auto";
  prompt.style.height = `${prompt.scrollHeight}px`;
}

function begin() {
  const query = new URLSearchParams(location.search);
  const asked = ["again", "prompt_of", "prompt"].some((name) => query.has(name));
  if (!("refused" in form.dataset) && !asked) {
    const draft = kept();
    const shown = Object.fromEntries(DECIDING.map((name) => [name, field[name]?.value ?? ""]));
    restore(draft);
    const restored = window.easel.references.restore(draft.references ?? []);
    if (restored || DECIDING.some((name) => name in draft && draft[name] !== shown[name])) {
      const { references, prompt: text, ...chosen } = draft;
      refresh(chosen);
    }
  }
  if (asked || query.has("reference")) {
    history.replaceState(null, "", location.pathname);
    prompt.focus();
    prompt.setSelectionRange(prompt.value.length, prompt.value.length);
  }
  show();
  keep();
}

function change() {
  prompt.removeAttribute("aria-invalid");
  show({ say: true });
  keep();
}

form.addEventListener("input", (event) => {
  change();
  if (DECIDING.includes(event.target.name)) refresh();
});
form.addEventListener("composer:change", () => {
  change();
  refresh();
});
prompt.addEventListener("input", setPromptHeight);
document.addEventListener("easel:credits", (event) => {
  form.dataset.available = event.detail;
  show();
});

/* --- Sending --- */

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

let sending = false;
let waiting = null;

async function submit(submitter) {
  if (sending) return;
  if (!prompt.value.trim()) {
    open();
    prompt.focus();
    window.easel.announce("Write a prompt first");
    return;
  }
  if (!submitter?.name && generate.getAttribute("aria-disabled") === "true") return;
  if (!navigator.onLine) {
    waiting = submitter ?? generate;
    window.easel.toast("This goes out by itself when you’re back online.");
    return;
  }
  if (submitter?.name === "make") field.count.value = submitter.value;
  sending = true;
  generate.setAttribute("aria-busy", "true");
  try {
    await window.easel.references.settled();
    const body = new FormData(form);
    body.delete("files");
    await answered(await fetch(form.action, { method: "POST", body, headers: { "X-Part": "row" }, redirect: "error" }));
  } catch {
    window.easel.toast("Easel can’t be reached. Your draft is kept; press Generate again.", { level: "error" });
  } finally {
    sending = false;
    generate.removeAttribute("aria-busy");
    show();
  }
}

async function answered(response) {
  const text = await response.text();
  if (response.ok) {
    document.getElementById("refusal")?.remove();
    field.key.value = newKey();
    close();
    window.easel.feed.insert(text, { own: true });
    if (matchMedia("(min-width: 768px)").matches) {
      prompt.focus();
      prompt.select();
    }
    return;
  }
  if (response.status !== 402 && response.status !== 422) throw new Error(String(response.status));
  const strip = Object.assign(document.createElement("template"), { innerHTML: text }).content.firstElementChild;
  showRefusal(strip);
  if (strip.dataset.priceNow) field.price.value = strip.dataset.priceNow;
  if (strip.dataset.fields?.split(" ").includes("prompt")) {
    prompt.setAttribute("aria-invalid", "true");
    prompt.setAttribute("aria-describedby", "refusal");
    prompt.focus();
  }
  window.easel.announce(strip.querySelector("p").textContent.trim(), { urgent: true });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit(event.submitter);
});
prompt.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || !(event.metaKey || event.ctrlKey)) return;
  event.preventDefault();
  submit(generate);
});

/* --- Offline --- */

function connection() {
  document.getElementById("offline").hidden = navigator.onLine;
  showReady();
  if (!navigator.onLine || !waiting) return;
  const submitter = waiting;
  waiting = null;
  submit(submitter);
}

window.addEventListener("online", connection);
window.addEventListener("offline", connection);

/* --- On a phone: a pill that opens into a sheet --- */

const behind = () => document.querySelectorAll(".topbar, .page-banners, .page-body, .tabbar");
const phone = matchMedia("(max-width: 767px)");

function open() {
  form.classList.add("is-open");
  for (const part of behind()) part.inert = phone.matches;
  prompt.focus();
}

function close() {
  if (location.hash === "#composer") history.replaceState(null, "", location.pathname + location.search);
  form.classList.remove("is-open");
  for (const part of behind()) part.inert = false;
}

form.querySelector("[data-composer-open]").addEventListener("click", (event) => {
  event.preventDefault();
  open();
});
form.querySelector("[data-composer-close]").addEventListener("click", (event) => {
  event.preventDefault();
  close();
  if (phone.matches) form.querySelector("[data-composer-open]").focus();
});
form.parentElement.addEventListener("click", (event) => event.target === form.parentElement && close());
form.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !phone.matches || form.querySelector(":popover-open")) return;
  close();
  form.querySelector("[data-composer-open]").focus();
});
phone.addEventListener("change", close);

window.easel.composer = { setCount: (by) => setCount(count() + by), change };
begin();
connection();
