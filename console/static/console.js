// The console's own script: renews the live parts and gives keys. Every page works without it.
"use strict";
const main = document.getElementById("main");

// Live parts are fetched every 5 s while the page is seen, and put in place by their id. A part that the pointer
// or the focus is in stays as it is: nothing moves under the reader's hand.
async function renew() {
  if (document.hidden) return;
  try {
    const answer = await fetch(document.body.dataset.live, {signal: AbortSignal.timeout(4500)});
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of fresh.body.children) {
      const old = part.id && document.getElementById(part.id);
      if (!old || old.matches(":hover") || old.contains(document.activeElement)) continue;
      for (const open of old.querySelectorAll("details[id][open]")) part.querySelector(`#${open.id}`)?.setAttribute("open", "");
      if (!old.isEqualNode(part)) old.replaceWith(part);
    }
  } catch (e) { /* the daemon restarts: the next turn asks again, and the strip's time tells how old it is */ }
}
setInterval(renew, 5000);
document.addEventListener("visibilitychange", renew);

// Rows of a list, for j and k.
function step(by) {
  const rows = [...main.querySelectorAll(".list tbody tr, .list details.ev")];
  if (!rows.length) return;
  const at = rows.findIndex(r => r.contains(document.activeElement));
  const row = rows[Math.min(Math.max(at < 0 ? 0 : at + by, 0), rows.length - 1)];
  rows.forEach(r => r.classList.toggle("sel", r === row));
  row.querySelector("summary, a").focus();
  row.scrollIntoView({block: "nearest"});
}

let going = 0;
document.addEventListener("keydown", e => {
  if (e.key === "Escape") {
    document.activeElement.blur();
    for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
    return;
  }
  if (e.ctrlKey || e.altKey || e.metaKey || e.target.matches("input, textarea, select")) return;
  const page = Date.now() - going < 1500 && /^[a-z]$/.test(e.key) && document.querySelector(`.nav [data-go=${e.key}]`);
  if (page) location.href = page.href;
  else if (e.key === "g") {
    going = Date.now();
    return;
  } else if (e.key === "/") {
    const box = document.getElementById("q");
    if (box) box.focus(); else location.href = "/search";
  } else if (e.key === "?") document.getElementById("keys").showModal();
  else if (e.key === "j") step(1);
  else if (e.key === "k") step(-1);
  else if (/^[a-z]$/.test(e.key)) {
    const act = document.querySelector(`main [data-key=${e.key}]`);
    if (!act) return;
    act.click();
  } else return;
  going = 0;
  e.preventDefault();
});

// A menu closes when the reader clicks beside it.
document.addEventListener("click", e => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(e.target)) menu.open = false;
});
