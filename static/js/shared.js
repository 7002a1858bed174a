/* The public page of a share link: theme and a password that can be looked at. Everything works without. */

const YEAR_SECONDS = 31_536_000;

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-toggle], [data-reveal]");
  if (!button) return;
  if (button.dataset.reveal) {
    const field = document.getElementById(button.dataset.reveal);
    const shown = field.type === "password";
    field.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
    return;
  }
  const isDark = getComputedStyle(document.documentElement).colorScheme.startsWith("dark");
  const theme = isDark ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  document.cookie = `theme=${theme}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
});
