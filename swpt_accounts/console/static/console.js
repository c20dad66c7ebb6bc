// Reloads the live part of a page periodically. Without this script, the page reloads itself.
"use strict";
(() => {
  const here = () => document.getElementById("live");
  if (!here()) return;
  let isPaused = false;

  function showPause() {
    const button = document.getElementById("pause");
    if (!button) return;
    button.hidden = false;
    button.setAttribute("aria-pressed", String(isPaused));
    button.textContent = isPaused ? "Resume" : "Pause";
    button.onclick = () => { isPaused = !isPaused; showPause(); };
  }

  function tell(text) {
    let line = document.getElementById("trouble");
    if (!line) {
      line = document.createElement("p");
      line.id = "trouble";
      line.className = "notice bad";
      line.setAttribute("role", "status");
      here().before(line);
    }
    line.hidden = !text;
    line.textContent = text;
  }

  async function load() {
    const answer = await fetch(location.href, { credentials: "same-origin", signal: AbortSignal.timeout(15000) });
    if (answer.status === 401) { location.reload(); return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live");
    if (!fresh) {
      const reason = page.querySelector("main h1");
      tell((reason ? reason.textContent : "The console is unreachable") + ". This page is out of date.");
      return;
    }
    tell("");
    // Whoever is here by keyboard, or has scrolled, stays where they are.
    const focused = document.activeElement && document.activeElement.id;
    const regions = [...here().querySelectorAll(".scroll")].map((one) => one.scrollLeft);
    const index = [...here().querySelectorAll(".scroll")].indexOf(document.activeElement);
    here().replaceWith(document.adoptNode(fresh));
    const scrolls = here().querySelectorAll(".scroll");
    scrolls.forEach((one, i) => { one.scrollLeft = regions[i] || 0; });
    showPause();
    const again = index >= 0 ? scrolls[index] : focused && document.getElementById(focused);
    if (again) again.focus({ preventScroll: true });
  }

  async function run() {
    const seconds = Number(here().dataset.live) || 5;
    setTimeout(run, seconds * 1000);
    if (isPaused || document.hidden) return;
    try { await load(); } catch { tell("The console is unreachable. This page is out of date."); }
  }

  showPause();
  setTimeout(run, (Number(here().dataset.live) || 5) * 1000);
})();
