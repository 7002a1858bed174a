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
  const named = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!named) return;
  // The key itself must not be typed where the press leads to.
  event.preventDefault();
  named.click();
});
