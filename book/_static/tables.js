/* Sorts a report's tables by a click on a header, or Enter on it. Without it they are plain tables. */
(() => {
  "use strict";

  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  function compare(a, b, direction) {
    const absent = (cell) => cell.classList.contains("thal-missing");
    if (absent(a) || absent(b)) return absent(a) - absent(b);
    const [x, y] = [a, b].map((cell) => parseFloat(cell.dataset.value));
    const [noX, noY] = [x, y].map(Number.isNaN);
    if (noX !== noY) return direction * (noX - noY);
    if (noX) return direction * collator.compare(a.textContent, b.textContent);
    return direction * (x === y ? 0 : x < y ? -1 : 1);
  }

  function sort(table, header) {
    const ascending = header.getAttribute("aria-sort") !== "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const body = table.tBodies[0];
    const column = header.cellIndex;
    const rows = [...body.rows];
    rows.sort((r, s) => compare(r.cells[column], s.cells[column], ascending ? 1 : -1));
    body.append(...rows);
  }

  for (const header of document.querySelectorAll(".thal-table thead th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "Sort";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => sort(header.closest("table"), header));
  }
})();
