"use strict";
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, at) => head.querySelector("button").addEventListener("click", () => {
    const numeric = head.classList.contains("number");
    const before = head.getAttribute("aria-sort");
    const first = numeric ? "descending" : "ascending";
    const order = before === "none" ? first : before === "ascending" ? "descending" : "ascending";
    for (const other of heads) other.setAttribute("aria-sort", other === head ? order : "none");
    const sign = order === "ascending" ? 1 : -1;
    const key = (row) => {
      const cell = row.cells[at];
      if (!numeric) return cell.textContent.trim();
      return cell.dataset.sort === undefined ? null : Number(cell.dataset.sort);
    };
    const compare = (a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === null || y === null) return (x === null) - (y === null);  // nothing to measure: last
      return sign * (numeric ? x - y : x.localeCompare(y, "en", { numeric: true }));
    };
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort(compare));
  }));
}
for (const button of document.querySelectorAll("button[data-copies]")) {
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copies);
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {  // pages from files may not be allowed to: select it instead
      getSelection().selectAllChildren(text);
      button.textContent = "Selected";
    }
  });
}
const theme = document.getElementById("theme");
const themes = ["", "light", "dark"], words = ["as the system", "light", "dark"];
theme.hidden = false;
theme.addEventListener("click", () => {
  const next = (themes.indexOf(document.documentElement.dataset.theme || "") + 1) % 3;
  if (next) document.documentElement.dataset.theme = themes[next];
  else delete document.documentElement.dataset.theme;
  theme.textContent = `Theme: ${words[next]}`;
});
