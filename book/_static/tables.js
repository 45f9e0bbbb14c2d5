/* Sorts tables by a click on a header, or Enter on it, and gives those written in prose a link that saves them.
   Without it they are plain tables. */
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

  const words = (cell) => cell.textContent.replace(/\s+/g, " ").trim();
  const number = (text) => (/^[-\u2212]?\d+(\.\d+)?$/.test(text) ? text.replace("\u2212", "-") : null);

  /* A table of prose says nothing of its values: they are what its cells read. */
  function prepare(table) {
    table.classList.add("thal-sortable");
    for (const row of table.tBodies[0].rows)
      for (const cell of row.cells) {
        const value = number(words(cell));
        if (value !== null) cell.dataset.value = value;
        if (words(cell) === "") cell.classList.add("thal-missing");
      }
  }

  function save(table, name) {
    const rows = [...table.rows].map((row) => [...row.cells].map(words).join("\t"));
    const link = document.createElement("a");
    link.className = "thal-download";
    link.textContent = "Download TSV";
    link.download = `${name}.tsv`;
    link.href = `data:text/tab-separated-values;charset=utf-8,${encodeURIComponent(rows.join("\n") + "\n")}`;
    const line = document.createElement("p");
    line.className = "thal-saves";
    line.append(link);
    const box = table.closest(".pst-scrollable-table-container, .table-wrapper") ?? table;
    box.classList.add("thal-wide");
    box.after(line);
  }

  const plain = [...document.querySelectorAll("table.table, table.docutils")].filter(
    (table) =>
      table.tHead?.rows.length === 1 &&
      table.tBodies.length === 1 &&
      !table.closest(".thal-table") &&
      !table.querySelector("[colspan], [rowspan]"),
  );
  const page = (location.pathname.split("/").pop() || "page").replace(/\.html$/, "");
  const taken = {};
  for (const table of plain) {
    const name = [page, table.closest("section[id]")?.id].filter(Boolean).join("-");
    taken[name] = (taken[name] ?? 0) + 1;
    save(table, taken[name] > 1 ? `${name}-${taken[name]}` : name);
    prepare(table);
  }

  for (const header of document.querySelectorAll(".thal-table thead th, .thal-sortable thead th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "Sort";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => sort(header.closest("table"), header));
  }
})();
