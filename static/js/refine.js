/* The box for the next change: its chips, sending, and the switch between it and the details. */

const form = document.getElementById("composer");
const prompt = form.elements.prompt;
const note = form.querySelector("[data-restarts-note]");

/* --- Chips --- */

function showChoices() {
  const ratio = form.querySelector("[name=aspect_ratio]:checked");
  if (ratio) {
    form.querySelector("[data-ratio-name]").textContent = ratio.value;
    const shape = ratio.parentElement.querySelector(".ratio-shape").cloneNode(true);
    for (const side of ["width", "height"]) shape.setAttribute(side, 18);
    shape.setAttribute("viewBox", "0 0 32 32");
    form.querySelector("[data-ratio-shape]").replaceChildren(shape);
    form.querySelector("[data-ratio-pixels]").textContent = ratio.dataset.pixels;
  }
  const provider = form.querySelector("[name=provider]:checked");
  if (!provider) return;
  form.querySelector("[data-provider-name]").textContent = provider.dataset.title;
  note.querySelector("span").textContent = `${provider.dataset.title} doesn’t hold this conversation, so it restarts from the picture.`;
  note.hidden = !("restarts" in provider.dataset);
}

form.addEventListener("change", showChoices);
form.addEventListener("click", (event) => {
  // A press with the pointer chooses and closes; the arrows of the keyboard only move.
  const option = event.target.closest(".ratio-option, .choice");
  if (option && event.detail > 0) setTimeout(leave, 0, option.closest("[popover]"));
});

function leave(popover) {
  popover.hidePopover();
  form.querySelector(`[popovertarget=${popover.id}]`).focus();
}

for (const popover of form.querySelectorAll("[popover]")) {
  popover.addEventListener("toggle", (event) => {
    if (event.newState === "open") (popover.querySelector(":checked") ?? popover.querySelector("input")).focus();
  });
  popover.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    leave(popover);
  });
}

/* --- Sending: a plain form, once what is being uploaded has arrived --- */

let ready = false;

form.addEventListener("submit", async (event) => {
  if (ready) return;
  event.preventDefault();
  if (!prompt.value.trim()) {
    prompt.focus();
    window.easel.announce("Write what to change first");
    return;
  }
  const { submitter } = event;
  form.querySelector("[data-send]").setAttribute("aria-busy", "true");
  await window.easel.references.settled();
  form.querySelector("[data-send]").removeAttribute("aria-busy");
  ready = true;
  // Not while this event is still on its way: a form that is being submitted ignores another submit.
  setTimeout(() => form.requestSubmit(submitter));
});
prompt.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || !(event.metaKey || event.ctrlKey)) return;
  event.preventDefault();
  form.requestSubmit(form.querySelector("[data-send]"));
});
addEventListener("pageshow", (event) => {
  if (event.persisted) ready = false;
});

/* --- Refine or details --- */

const tabs = [...document.querySelectorAll("a[data-panel]")];

function show(name) {
  for (const tab of tabs) {
    if (tab.dataset.panel === name) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
    document.getElementById(`panel-${tab.dataset.panel}`).hidden = tab.dataset.panel !== name;
  }
}

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey) return;
  const tab = event.target.closest("a[data-panel]");
  if (tab) {
    event.preventDefault();
    show(tab.dataset.panel);
    history.replaceState(null, "", tab.href);
  } else if (event.target.closest("a[data-refine]")) {
    event.preventDefault();
    show("refine");
    prompt.focus();
  }
});

showChoices();
if (location.hash === "#composer") prompt.focus({ preventScroll: true });
