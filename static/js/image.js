/* The page of one picture: zoom, and the keys that its links name. */

const zoom = document.querySelector("[data-zoom]");

/* PhotoSwipe's core is fetched when the picture is opened, not before. */
async function prepare() {
  const { default: Lightbox } = await import(zoom.dataset.lightbox);
  const lightbox = new Lightbox({
    gallery: zoom.parentElement,
    children: "[data-zoom]",
    pswpModule: () => import(zoom.dataset.core),
    showHideAnimationType: matchMedia("(prefers-reduced-motion: reduce)").matches ? "none" : "zoom",
    bgOpacity: 0.96,
  });
  lightbox.init();
}

// Where two pictures are compared there is nothing to open.
if (zoom) prepare();

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  if (document.querySelector(".pswp, dialog[open], :popover-open")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const named = document.querySelector(`[data-key="${CSS.escape(key)}"], [data-key-too="${CSS.escape(key)}"]`);
  if (!named || (event.key.length === 1 && window.easel.singleKeys?.() === false)) return;
  // The key itself must not be typed where the press leads to.
  event.preventDefault();
  named.click();
});

/* A link to a field of the details goes there without loading the page again. */
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-details]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const field = document.getElementById(link.dataset.details);
  if (!field) return;
  event.preventDefault();
  link.closest("[popover]")?.hidePopover();
  document.querySelector("[data-panel=details]")?.click();
  field.scrollIntoView({ block: "center" });
  fieldOf(field).focus();
});

const fieldOf = (place) => (place.matches("form") ? place.querySelector("select, input:not([type=hidden])") : place);
if (["#add-tag", "#add-collection"].includes(location.hash)) {
  const place = document.getElementById(location.hash.slice(1));
  if (place) fieldOf(place).focus();
}

/* The heart answers at once, and takes it back when the server doesn't agree. */
for (const form of document.querySelectorAll("[data-favourite-form]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    const liked = event.submitter.value === "1";
    like(liked);
    const answer = await window.easel.post(form.action, { on: liked ? "1" : "0" }).catch(() => null);
    if (answer?.ok) return window.easel.announce(liked ? "Added to your favourites" : "Not a favourite any more");
    like(!liked);
    return window.easel.toast("That didn’t arrive. Try again.", { level: "error" });
  });
}

function like(liked) {
  for (const button of document.querySelectorAll("[data-favourite-form] button")) {
    button.value = liked ? "0" : "1";
    button.setAttribute("aria-pressed", String(liked));
  }
}
