/* The sidebar comes with its counts after the page: until then it is shown as it last was.
   And questions: a link with `data-ask` shows the form of its page in a dialog, as does an answer that asks back. */

const nav = document.getElementById("sidebar-nav");
const KEPT = "easel-sidebar";

function stored(action) {
  try {
    return action();
  } catch {
    return null; // Private windows may have no storage.
  }
}

function mark() {
  for (const link of nav.querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
  nav.querySelector(`#to-${CSS.escape(nav.dataset.place)}`)?.setAttribute("aria-current", "page");
}

const kept = stored(() => sessionStorage.getItem(KEPT));
if (nav && kept && !nav.contains(document.activeElement) && !nav.dataset.fresh) {
  nav.innerHTML = kept;
  mark();
}
nav?.addEventListener("htmx:after:swap", () => {
  nav.dataset.fresh = "1";
  stored(() => sessionStorage.setItem(KEPT, nav.innerHTML));
});

/* --- Questions in a dialog --- */

const dialog = document.querySelector("[data-ask-dialog]");

function show(text) {
  const form = new DOMParser().parseFromString(text, "text/html").querySelector("[data-ask-form]");
  if (!form) throw new Error("nothing is asked");
  dialog.replaceChildren(form);
  dialog.setAttribute("aria-label", form.querySelector("h2").textContent.trim());
  if (!dialog.open) dialog.showModal();
  (form.querySelector("[autofocus]") ?? form.querySelector("input:not([type=hidden]), select, button")).focus();
  document.dispatchEvent(new CustomEvent("easel:asked", { detail: dialog }));
}

async function ask(href) {
  const answer = await fetch(href, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
  show(await answer.text());
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-ask], [data-ask-close]");
  if (!link || !dialog || event.metaKey || event.ctrlKey || event.shiftKey) return;
  if (link.matches("[data-ask-close]") && !dialog.contains(link)) return;
  event.preventDefault();
  if (link.matches("[data-ask-close]")) return dialog.close();
  link.closest("[popover]")?.hidePopover();
  ask(link.href).catch(() => location.assign(link.href));
});

/* To where the answer leads. Where that is the walk one is in, the place in it is kept. */
function goOn(address) {
  const there = new URL(address, location.href);
  const walk = document.querySelector("[data-gallery]")?.dataset.query;
  const here = walk === undefined ? location.search : walk && `?${walk}`;
  if (there.pathname === location.pathname && there.search === here) location.reload();
  else location.assign(there);
}

dialog?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = event.submitter;
  if (button?.getAttribute("aria-busy") === "true") return;
  button?.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(button?.hasAttribute("formaction") ? button.formAction : form.action, {
      method: "POST",
      body: new FormData(form, button),
      credentials: "same-origin",
      headers: { "X-Part": "ask" },
    });
    if (answer.status === 204) goOn(answer.headers.get("X-Go"));
    else if (answer.ok || answer.status === 422) {
      show(await answer.text());
      const wrong = dialog.querySelector(".field-error, [role=alert]");
      if (wrong) window.easel.announce(wrong.textContent.trim(), { urgent: true });
    } else throw new Error(String(answer.status));
  } catch {
    button?.removeAttribute("aria-busy");
    window.easel.toast("That didn’t arrive. Try again.", { level: "error" });
  }
});

window.easel.ask = { show, open: ask };
