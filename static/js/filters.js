/* Filters over one plain form: a colour is looked for at once, everything else when its popover closes. */

const form = document.querySelector("[data-walk]");
const DEFAULTS = { any: "0", close: "similar" };

const words = () => new URLSearchParams(new FormData(form)).toString();

/* What is empty or says the default isn't written into the address. */
form?.addEventListener("formdata", (event) => {
  for (const [name, value] of [...event.formData]) {
    if (value !== "" && value !== DEFAULTS[name]) continue;
    const others = event.formData.getAll(name).filter((one) => one !== value);
    event.formData.delete(name);
    for (const one of others) event.formData.append(name, one);
  }
  if (!event.formData.get("colour")) event.formData.delete("close");
  if (event.formData.getAll("tag").length < 2) event.formData.delete("any");
});

const begun = form ? words() : "";

for (const popover of document.querySelectorAll("[data-filter]")) {
  popover.addEventListener("toggle", (event) => {
    if (event.newState === "open") (popover.querySelector(":checked") ?? popover.querySelector("input")).focus({ preventScroll: true });
    else if (words() !== begun) form.requestSubmit();
  });
}

document.addEventListener("change", (event) => {
  const field = event.target;
  if (field.matches("[data-own-colour]")) {
    const radio = document.querySelector("[data-own-colour-value]");
    radio.value = field.value;
    radio.checked = true;
    form.requestSubmit();
  }
});

/* With the pointer one colour is one choice; the arrows of the keyboard only move. */
document.querySelector(".swatches")?.addEventListener("click", (event) => {
  if (event.detail > 0 && event.target.closest(".swatch-choice:not(.swatch-own)")) setTimeout(() => words() !== begun && form.requestSubmit());
});
document.querySelector(".swatches")?.addEventListener("keydown", (event) => {
  if (event.key === "Enter") form.requestSubmit();
});

for (const swatch of document.querySelectorAll("[data-colour]")) swatch.style.background = swatch.dataset.colour;
