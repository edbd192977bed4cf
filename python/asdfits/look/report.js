"use strict";
(() => {
  const form = document.getElementById("search");
  const input = document.getElementById("words");
  const said = document.getElementById("hits");
  const tree = document.getElementById("nodes");
  if (!form || !tree) return;
  const entries = [...tree.querySelectorAll("li")];
  const folds = [...tree.querySelectorAll("details")];
  const before = folds.map((each) => each.open);
  // A line is found by its own name and value, and by its path where a path is asked for.
  const own = entries.map((each) => {
    const fold = each.firstElementChild;
    const line = fold && fold.tagName === "DETAILS" ? fold.firstElementChild : each;
    return line.textContent.toLowerCase();
  });
  const paths = entries.map((each) => (each.dataset.path || "").toLowerCase());
  form.hidden = false;

  function search() {
    const words = input.value.trim().toLowerCase();
    if (!words) {
      entries.forEach((each) => { each.hidden = false; each.classList.remove("hit"); });
      folds.forEach((each, place) => { each.open = before[place]; });
      said.textContent = "";
      return;
    }
    const shown = new Set();
    let hits = 0;
    entries.forEach((each, place) => {
      const hit = own[place].includes(words) || (words.includes(".") && paths[place].includes(words));
      each.classList.toggle("hit", hit);
      if (!hit) return;
      hits += 1;
      for (let at = each; at && at !== tree; at = at.parentElement) {
        shown.add(at);
        if (at.tagName === "DETAILS" && at.parentElement !== each) at.open = true;
      }
      each.querySelectorAll("li").forEach((below) => shown.add(below));
    });
    entries.forEach((each) => { each.hidden = !shown.has(each); });
    said.textContent = `${hits} of ${entries.length} lines`;
  }

  let waiting = 0;
  input.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(search, 80); });
  form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
  document.getElementById("open").addEventListener("click", () => folds.forEach((each) => { each.open = true; }));
  document.getElementById("shut").addEventListener("click", () => folds.forEach((each) => { each.open = false; }));
})();
