
"use strict";
(() => {
  const source = document.getElementById("trade-data");
  const body = document.getElementById("trade-rows");
  if (!source || !body) return;
  const PAGE = 50;
  const { columns, rows } = JSON.parse(source.textContent);
  const at = Object.fromEntries(columns.map((name, place) => [name, place]));
  const daily = body.dataset.daily === "true";
  const texts = rows.map((row) => row.filter((value) => typeof value === "string").join(" ").toLowerCase());
  let shown = rows.map((_, place) => place);
  let page = 0;
  let order = null;

  const DASH = "\u2013";
  const write = (value, digits, { signed = false, scale = 1, unit = "" } = {}) => {
    if (value === null || value === undefined) return DASH;
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    const text = Math.abs(value * scale).toLocaleString("en-US", options);
    const sign = /[1-9]/.test(text) ? (value < 0 ? "\u2212" : signed ? "+" : "") : "";
    return sign + text + unit;
  };
  const usd = (value) => write(value, 2);
  const gain = (value) => write(value, 2, { signed: true });
  const percent = (value) => write(value, 1, { signed: true, scale: 100, unit: "%" });
  const shares = (value) => write(value, value === Math.round(value) ? 0 : 4);
  const text = (value) => (value === null || value === "" ? DASH : String(value));
  const word = (value) => text(value).replaceAll("_", " ");
  const tone = (value) => (value === null ? "" : value < 0 ? " down" : value > 0 ? " up" : "");
  const element = (tag, content, kind) => {
    const made = document.createElement(tag);
    if (content !== undefined) made.textContent = content;
    if (kind) made.className = kind;
    return made;
  };

  function story(row) {
    const of = (name) => row[at[name]];
    const order = (end) => (of(`${end}_order`) ? `order ${of(`${end}_order`)} (${word(of(`${end}_order_type`))}): ` : "") + text(of(`${end}_note`));
    const filled = (end, price) => `bar ${of(`${end}_at`)} UTC, on average at ${usd(of(price))} USD`;
    const steps = [];
    if (of("decided_on"))
      steps.push(["Signal", `score ${write(of("score"), 4, { signed: true })}, confidence ${write(of("confidence"), 4)}` +
        ` at the close of ${of("decided_on")} (bar ${of("decided_at")} UTC` + (of("strategy") ? `, strategy ${of("strategy")}` : "") +
        `); target ${write(of("target_weight"), 1, { scale: 100, unit: "%" })} of equity`]);
    steps.push(["Entry", order("entry")], ["Filled", filled("opened", "entry_price")]);
    if (of("closed_at"))
      steps.push(["Ended by", word(of("exit_reason"))],
        ["Exit", (of("exit_decided_on") ? `of ${of("exit_decided_on")}, ` : "") + order("exit")], ["Closed", filled("closed", "exit_price")]);
    else steps.push(["Ended by", "still open: profit and return count at the last close"]);
    return steps;
  }

  function detail(place) {
    const line = element("tr", undefined, "story");
    const cell = line.appendChild(element("td"));
    cell.colSpan = columns_shown;
    const list = cell.appendChild(element("dl"));
    for (const [name, told] of story(rows[place])) {
      list.appendChild(element("dt", name));
      list.appendChild(element("dd", told));
    }
    return line;
  }

  const heads = [...document.querySelectorAll("#trade-table thead th")];
  const columns_shown = heads.length;

  function line(place) {
    const row = rows[place];
    const of = (name) => row[at[name]];
    const made = document.createElement("tr");
    const number = made.appendChild(element("td", undefined, "n"));
    const button = number.appendChild(element("button", String(of("trade_id")), "more"));
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-label", `Trade ${of("trade_id")}: show signal, orders and fills`);
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-expanded") === "true";
      button.setAttribute("aria-expanded", String(!open));
      if (open) made.nextSibling.remove();
      else made.after(detail(place));
    });
    made.appendChild(element("td", undefined, "t")).appendChild(element("b", of("symbol")));
    made.appendChild(element("td", of("side")));
    made.appendChild(element("td", of(daily ? "opened_on" : "opened_at"), "t"));
    const closed = made.appendChild(element("td", undefined, "t"));
    if (of("closed_at") === null) closed.appendChild(element("span", "open", "tag"));
    else closed.textContent = of(daily ? "closed_on" : "closed_at");
    made.appendChild(element("td", write(of("sessions"), 0), "n"));
    made.appendChild(element("td", shares(of("quantity")), "n"));
    made.appendChild(element("td", usd(of("entry_price")), "n"));
    made.appendChild(element("td", usd(of("exit_price")), "n"));
    made.appendChild(element("td", gain(of("pnl")), "n" + tone(of("pnl"))));
    made.appendChild(element("td", percent(of("return")), "n" + tone(of("return"))));
    made.appendChild(element("td", write(of("mae"), 1, { scale: 100, unit: "%" }), "n"));
    made.appendChild(element("td", percent(of("mfe")), "n"));
    made.appendChild(element("td", write(of("score"), 4, { signed: true }), "n"));
    made.appendChild(element("td", word(of("exit_reason")), "t"));
    return made;
  }

  const said = document.getElementById("trade-count");
  const back = document.getElementById("trade-back");
  const next = document.getElementById("trade-next");
  function draw() {
    const last = Math.max(0, Math.ceil(shown.length / PAGE) - 1);
    page = Math.min(Math.max(page, 0), last);
    const from = page * PAGE;
    const part = shown.slice(from, from + PAGE);
    body.replaceChildren(...part.map(line));
    said.textContent = shown.length
      ? `${(from + 1).toLocaleString("en-US")} to ${(from + part.length).toLocaleString("en-US")} of ${shown.length.toLocaleString("en-US")}` +
        (shown.length < rows.length ? ` (of ${rows.length.toLocaleString("en-US")})` : "")
      : "no trade matches";
    back.disabled = page === 0;
    next.disabled = page === last;
  }

  const search = document.getElementById("trade-search");
  const kind = document.getElementById("trade-kind");
  const KINDS = {
    all: () => true,
    profit: (row) => row[at.pnl] > 0,
    loss: (row) => row[at.pnl] < 0,
    open: (row) => row[at.closed_at] === null,
    long: (row) => row[at.side] === "long",
    short: (row) => row[at.side] === "short",
  };
  function select() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = KINDS[kind.value];
    shown = rows.map((_, place) => place)
      .filter((place) => fits(rows[place]) && words.every((word) => texts[place].includes(word)));
    if (order) {
      const { column, sign } = order;
      shown.sort((a, b) => {
        const x = rows[a][at[column]];
        const y = rows[b][at[column]];
        if (x === y) return a - b;
        if (x === null) return 1;
        if (y === null) return -1;
        return x < y ? -sign : sign;
      });
    }
    page = 0;
    draw();
  }
  for (const head of heads) {
    const button = head.querySelector("button");
    if (!button) continue;
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      order = { column: button.dataset.column, sign: down ? -1 : 1 };
      select();
    });
  }
  search.addEventListener("input", select);
  kind.addEventListener("change", select);
  back.addEventListener("click", () => { page -= 1; draw(); });
  next.addEventListener("click", () => { page += 1; draw(); });

  const quoted = (value) => (value === null ? "" : /[",\r\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
  document.getElementById("trade-csv").addEventListener("click", (event) => {
    const lines = [columns, ...shown.map((place) => rows[place])].map((row) => row.map(quoted).join(","));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\r\n") + "\r\n"], { type: "text/csv" }));
    link.download = event.currentTarget.dataset.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  document.getElementById("trade-tools").hidden = false;
  draw();
})();
