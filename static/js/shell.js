/* What every page does: theme, toasts, copy and reveal buttons, dialogs, and the two live regions.
   Offers `window.easel` = {announce, toast, post} to the pages' own scripts, which load after this one. */

const YEAR_SECONDS = 31_536_000;
const TOAST_MS = 6_000;
const TOAST_LONG_MS = 10_000;
const TOASTS_MAX = 2;
const SAY_GAP_MS = 3_000;

/* --- Theme: kept in a cookie, so that the server draws the next page in it from the start --- */

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  document.cookie = `theme=${theme}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
  for (const radio of document.querySelectorAll("[data-theme-choice] input")) radio.checked = radio.value === theme;
}

document.addEventListener("change", (event) => {
  if (event.target.closest("[data-theme-choice]")) setTheme(event.target.value);
});

/* --- Live regions: at most one polite message in three seconds, the newest wins --- */

let saidAt = 0;
let waiting;

function announce(text, { urgent = false } = {}) {
  if (urgent) {
    document.getElementById("alert").textContent = text;
    return;
  }
  clearTimeout(waiting);
  const wait = Math.max(0, saidAt + SAY_GAP_MS - Date.now());
  waiting = setTimeout(() => {
    saidAt = Date.now();
    document.getElementById("say").textContent = text;
  }, wait);
}

/* --- Toasts: leave by themselves, but never while someone is on them --- */

function watch(toast) {
  const stay = toast.dataset.toast === "error" || toast.querySelector("[data-toast-action]") ? TOAST_LONG_MS : TOAST_MS;
  let timer;
  const start = () => {
    timer = setTimeout(() => (toast.matches(":hover, :focus-within") ? start() : toast.remove()), stay);
  };
  toast.querySelector("[data-toast-close]").addEventListener("click", () => {
    clearTimeout(timer);
    toast.remove();
  });
  start();
}

function toast(text, { level = "info", undo } = {}) {
  const shelf = document.getElementById("toasts");
  const made = document.getElementById("toast-template").content.firstElementChild.cloneNode(true);
  made.dataset.toast = level;
  made.querySelector("[data-toast-text]").textContent = text;
  const mark = { success: "mark-ok", warning: "mark-warn", error: "mark-bad" }[level];
  if (mark) made.querySelector(".mark").classList.add(mark);
  if (undo) made.querySelector("[data-toast-close]").before(undoing(undo));
  shelf.append(made);
  while (shelf.children.length > TOASTS_MAX) shelf.firstElementChild.remove();
  watch(made);
  announce(text, { urgent: level === "error" });
  return made;
}

for (const shown of document.querySelectorAll("#toasts > [data-toast]")) {
  watch(shown);
  announce(shown.querySelector("[data-toast-text]").textContent, { urgent: shown.dataset.toast === "error" });
}

/* --- Posting, and taking back what was posted --- */

function post(address, fields) {
  const token = JSON.parse(document.body.getAttribute("hx-headers:inherited"))["X-CSRFToken"];
  const body = fields instanceof FormData ? fields : new URLSearchParams(fields);
  return fetch(address, { method: "POST", body, headers: { "X-CSRFToken": token, "X-Part": "act" }, credentials: "same-origin" });
}

function undoing(address) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "button button-soft button-small", textContent: "Undo" });
  button.dataset.toastAction = "";
  button.addEventListener("click", async () => {
    button.setAttribute("aria-busy", "true");
    const answer = await post(address, {}).catch(() => null);
    if (answer?.ok) location.reload();
    else {
      button.closest("[data-toast]").remove();
      toast((await answer?.text()) || "That didn’t arrive. Try again.", { level: "error" });
    }
  });
  return button;
}

/* --- Small buttons: each names what it acts on by an id --- */

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText((source.value ?? source.textContent).trim());
  toast("Copied", { level: "success" });
}

function reveal(button) {
  const field = document.getElementById(button.dataset.reveal);
  const shown = field.type === "password";
  field.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-reveal], [data-dialog], [data-dialog-close]");
  if (!button) return;
  if (button.dataset.copy) copy(button);
  else if (button.dataset.reveal) reveal(button);
  else if (button.dataset.dialog) {
    event.preventDefault();
    document.getElementById(button.dataset.dialog).showModal();
  } else button.closest("dialog").close();
});

/* A click on the scrim closes a dialog; the dialog itself has no padding, so only the scrim is the target. */
document.addEventListener("click", (event) => {
  if (event.target instanceof HTMLDialogElement) event.target.close();
});

/* Esc hides a tooltip until the pointer or the focus moves on. */
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.body.classList.add("tips-hidden");
});
for (const name of ["pointerover", "focusin"]) {
  document.addEventListener(name, () => document.body.classList.remove("tips-hidden"));
}

/* A button that waits for the server says so and cannot be pressed twice. */
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || event.defaultPrevented || button.closest("form[hx-post]")) return;
  if (button.getAttribute("aria-busy") === "true") event.preventDefault();
  button.setAttribute("aria-busy", "true");
});
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of document.querySelectorAll("button[aria-busy='true']")) button.removeAttribute("aria-busy");
});

window.easel = { announce, toast, post };
