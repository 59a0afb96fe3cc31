// Heads of table.sortable become buttons that sort its rows; the box before it hides rows without the typed words.
const words = new Intl.Collator("en", { numeric: true });
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
  const value = (row, column) => {
    const cell = row.cells[column], number = cell.dataset.v;
    return number === undefined ? cell.textContent.trim().toLowerCase() || null : number === "" ? null : Number(number);
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const up = before ? before === "descending" : !head.classList.contains("number");
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const keyed = rows.map((row, place) => [value(row, column), place, row]);
      const compare = (a, b) => (typeof a === "string" ? words.compare(a, b) : a - b) * (up ? 1 : -1);
      keyed.sort(([a, m], [b, n]) => (a === null) - (b === null) || (a !== null && compare(a, b)) || m - n);
      body.append(...keyed.map(entry => entry[2]));
    });
  });
  const tools = document.getElementById(table.id + "-tools"), box = tools.querySelector("input"), said = tools.querySelector("output");
  tools.hidden = false;
  box.addEventListener("input", () => {
    const typed = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !typed.every(word => row.textContent.toLowerCase().includes(word));
    said.textContent = typed.length ? `${rows.filter(row => !row.hidden).length} of ${rows.length}` : "";
  });
}
