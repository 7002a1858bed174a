/* Admins' pages over their plain forms: choosing people, moving credits in a dialog, and seeing the result before. */

const numbers = new Intl.NumberFormat("en-GB");

/* --- Choosing people --- */

const boxes = () => [...document.querySelectorAll("[data-choose]")];
const bar = document.querySelector("[data-bulk-bar]");
const everybody = document.querySelector("[data-choose-all]");

function showChosen() {
  if (!bar) return;
  const all = boxes();
  const chosen = all.filter((box) => box.checked).length;
  bar.classList.toggle("is-open", chosen > 0);
  bar.querySelector("[data-bulk-count]").textContent = numbers.format(chosen);
  everybody.checked = chosen > 0 && chosen === all.length;
  everybody.indeterminate = chosen > 0 && chosen < all.length;
}

function chooseAll(checked) {
  for (const box of boxes()) box.checked = checked;
  showChosen();
}

let last;
document.addEventListener("click", (event) => {
  const box = event.target.closest("[data-choose]");
  if (box) {
    /* With ⇧ everything from the box of before. */
    const all = boxes();
    if (event.shiftKey && last) {
      const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
      for (const between of all.slice(from, to + 1)) between.checked = box.checked;
    }
    last = box;
    showChosen();
  } else if (event.target.closest("[data-choose-all]")) chooseAll(everybody.checked);
  else if (event.target.closest("[data-bulk-clear]")) {
    chooseAll(false);
    boxes()[0]?.focus();
  }
});

/* The browser may bring checked boxes back with the page. */
addEventListener("pageshow", showChosen);

/* --- A choice in the search searches at once --- */

document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-auto-submit]");
  if (form && !event.target.matches("[type=search]")) form.requestSubmit();
});

/* --- One person's credits in a dialog; without it the same form is a page --- */

const dialog = document.querySelector("[data-admin-dialog]");

async function open(href) {
  const answer = await fetch(href, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
  show(await answer.text());
  dialog.showModal();
  const field = dialog.querySelector("[data-amount]");
  field.focus();
  field.select();
}

function show(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  dialog.replaceChildren(page.querySelector("[data-admin-form]"));
  dialog.setAttribute("aria-label", dialog.querySelector("h2").textContent.trim());
  preview(dialog.querySelector("[data-credits]"));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-admin-open], [data-admin-close]");
  if (!link || !dialog || event.metaKey || event.ctrlKey || event.shiftKey) return;
  if (link.matches("[data-admin-close]")) {
    if (!dialog.contains(link)) return;
    event.preventDefault();
    dialog.close();
    return;
  }
  event.preventDefault();
  link.closest("[popover]")?.hidePopover();
  open(link.href).catch(() => location.assign(link.href));
});

/* What the server refuses is shown in the dialog; what it did is told by the page, drawn again. */
dialog?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = event.submitter;
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: new FormData(form, button),
      credentials: "same-origin",
      redirect: "manual",
    });
    if (answer.type === "opaqueredirect") location.reload();
    else if (answer.status === 422) {
      show(await answer.text());
      dialog.querySelector("[aria-invalid], [role=alert], [data-amount]").focus();
      const wrong = dialog.querySelector(".field-error, [role=alert]");
      window.easel.announce(wrong?.textContent.trim() ?? "Look at what is marked", { urgent: true });
    } else throw new Error(String(answer.status));
  } catch {
    button.removeAttribute("aria-busy");
    window.easel.toast("That didn't arrive. Nothing was changed, or it was done once; try again.", { level: "error" });
  }
});

/* --- The result before it is done --- */

const LABELS = { grant: "Grant", take_back: "Take back", monthly: "Set monthly" };

function preview(form) {
  if (!form) return;
  const field = form.querySelector("[data-amount]");
  const mode = form.querySelector("[name=mode]:checked")?.value ?? "grant";
  const text = field.value.trim();
  const amount = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  const available = Number(form.dataset.available);
  const put = (name, words) => {
    form.querySelector(`[data-preview-${name}]`).textContent = words;
  };
  const credits = `${numbers.format(amount)} credit${amount === 1 ? "" : "s"}`;
  form.querySelector("[data-submit-label]").textContent = amount
    ? mode === "monthly" ? `Set ${numbers.format(amount)} monthly` : `${LABELS[mode]} ${credits}`
    : LABELS[mode];
  const after = form.querySelector("[data-preview-after]");
  const short = mode === "take_back" && amount > available;
  after.classList.toggle("bad", short);
  if (mode === "monthly") {
    const isAdd = form.querySelector("[name=kind]:checked")?.value !== "top_up";
    put("label", "Every month");
    put("before", "");
    put("after", amount ? `${isAdd ? "+" : "up to "}${numbers.format(amount)}` : "–");
    return;
  }
  put("label", "Available");
  put("before", amount ? numbers.format(available) : "");
  if (short) put("after", `only ${numbers.format(available)} can be taken back`);
  else put("after", numbers.format(mode === "grant" ? available + amount : available - amount));
}

document.addEventListener("input", (event) => preview(event.target.closest("[data-credits]")));
document.addEventListener("click", (event) => {
  const more = event.target.closest("[data-more]");
  if (!more) return;
  const form = more.closest("[data-credits]");
  const field = form.querySelector("[data-amount]");
  field.value = String((/^\d{1,15}$/.test(field.value.trim()) ? Number(field.value) : 0) + Number(more.dataset.more));
  preview(form);
});
preview(document.querySelector("main [data-credits]"));
