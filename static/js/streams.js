/* What a page hears of changes. Offers `window.easel.listen` to the scripts that come after this one.

   The browser opens a broken stream again by itself, but not after an answer of another kind, such as a proxy's
   502; then it is opened anew here, from the last place that was told. */

const AGAIN_MS = 5_000;
const AGAIN_MAX_MS = 60_000;

/* `heard` has a function for each kind of event; `reset` is called too when it comes back without a place. */
function listen(address, heard) {
  let source;
  let timer;
  let last = new URL(address, location.href).searchParams.get("after");
  let wait = AGAIN_MS;
  let begun = false;

  function open() {
    const from = new URL(address, location.href);
    if (last) from.searchParams.set("after", last);
    source = new EventSource(from);
    for (const [kind, hear] of Object.entries({ open: undefined, end: undefined, ...heard })) {
      source.addEventListener(kind, (event) => {
        last = event.lastEventId || last;
        wait = AGAIN_MS;
        hear?.(event);
      });
    }
    source.addEventListener("open", (event) => {
      if (begun && !last) heard.reset?.(event);
      begun = true;
    });
    source.addEventListener("error", broken);
  }

  function broken() {
    if (source.readyState !== EventSource.CLOSED || timer) return;
    timer = setTimeout(() => {
      timer = undefined;
      open();
    }, wait);
    wait = Math.min(2 * wait, AGAIN_MAX_MS);
  }

  open();
  return {
    get live() {
      return source.readyState === EventSource.OPEN;
    },
    close() {
      clearTimeout(timer);
      source.close();
    },
  };
}

window.easel.listen = listen;
