/* Where one is in time: months and years by their share of the pictures. For the pointer alone; the filter by date
   does the same for everybody. */

const scrubber = document.querySelector("[data-scrubber]");
const LABEL_GAP = 26;
const pill = scrubber?.querySelector(".scrubber-pill");
const name = (month, options) => new Intl.DateTimeFormat(document.documentElement.lang, { timeZone: "UTC", ...options }).format(new Date(`${month}-01`));
let months = [];
let total = 0;

function draw() {
  let before = 0;
  let last = -LABEL_GAP;
  const thisYear = String(new Date().getFullYear());
  for (const month of months) {
    month.from = before / total;
    before += month.images;
    month.to = before / total;
  }
  for (const mark of scrubber.querySelectorAll(".scrubber-mark, .scrubber-tick")) mark.remove();
  const height = scrubber.clientHeight;
  let year = thisYear;
  for (const month of months) {
    const top = month.from * height;
    const isYear = month.month.slice(0, 4) !== year;
    const mark = document.createElement("span");
    mark.className = top - last >= LABEL_GAP ? "scrubber-mark" : "scrubber-mark scrubber-tick";
    if (top - last >= LABEL_GAP) {
      mark.textContent = isYear ? month.month.slice(0, 4) : name(month.month, { month: "short" });
      year = month.month.slice(0, 4);
      last = top;
    }
    mark.style.top = `${Math.min(top + 8, height - 8)}px`;
    scrubber.append(mark);
  }
}

const monthAt = (share) => months.find((month) => share <= month.to) ?? months.at(-1);

/* Within a month the place is a guess between its own and the next one's. */
function placeAt(share) {
  const month = monthAt(share);
  const next = months[months.indexOf(month) + 1];
  const within = Math.max(0, Math.min(1, (share - month.from) / (month.to - month.from || 1)));
  return Math.round(month.before - (next ? (month.before - next.before) * within : 0));
}

const share = (event) => {
  const box = scrubber.getBoundingClientRect();
  return Math.max(0, Math.min(1, (event.clientY - box.top) / box.height));
};

function say(at, words) {
  pill.hidden = false;
  pill.textContent = words;
  pill.style.top = `${at * scrubber.clientHeight}px`;
}

/* Where the page is: the day at its top. */
function follow() {
  if (scrubber.matches(":hover") || !months.length) return;
  const days = [...document.querySelectorAll(".gallery-day[data-day]")];
  const day = days.find((one) => one.getBoundingClientRect().bottom > 120)?.dataset.day;
  const month = day && months.find((one) => one.month === day.slice(0, 7));
  if (!month) return;
  const within = 1 - Number(day.slice(8)) / 31;
  const words = new Intl.DateTimeFormat(document.documentElement.lang, { day: "numeric", month: "short", timeZone: "UTC" });
  const newest = month === months[0] && day === days[0]?.dataset.day && scrollY < 200;
  say(newest ? 0.01 : month.from + (month.to - month.from) * within, words.format(new Date(day)));
}

async function begin() {
  const answer = await fetch(scrubber.dataset.scrubber, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return;
  ({ months } = await answer.json());
  total = months.reduce((sum, month) => sum + month.images, 0);
  scrubber.hidden = months.length < 2;
  if (scrubber.hidden) return;
  draw();
  follow();
  addEventListener("resize", draw);
  addEventListener("scroll", () => requestAnimationFrame(follow), { passive: true });
  scrubber.addEventListener("pointermove", (event) => {
    const at = share(event);
    say(at, name(monthAt(at).month, { month: "short", year: "numeric" }));
  });
  scrubber.addEventListener("pointerleave", () => follow());
  scrubber.addEventListener("pointerdown", (event) => scrubber.setPointerCapture(event.pointerId));
  scrubber.addEventListener("pointerup", (event) => {
    const page = new URL(scrubber.dataset.galleryPage, location.href);
    page.searchParams.set("before", placeAt(share(event)));
    history.replaceState(null, "");
    location.assign(page);
  });
}

if (scrubber) {
  scrubber.hidden = true;
  begin().catch(() => {});
}
