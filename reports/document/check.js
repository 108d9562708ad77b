// This script checks the page that it stands in, in the reader's browser, without asking anybody.
// It computes each figure again from the sums that the page carries, the SHA-256 of the evidence again from its text, and
// compares every other text with the digest that it was issued with. What differs was edited after issue and is marked.
(() => {
  "use strict";
  const carried = JSON.parse(document.getElementById("basis").textContent);

  // sha256 of a text, in hexadecimal (FIPS 180-4); crypto.subtle is not there for pages of every origin.
  const roots = (n, power) => {
    const out = [];
    for (let p = 2; out.length < n; p++) {
      let prime = true;
      for (let d = 2; d * d <= p; d++) if (p % d === 0) prime = false;
      if (prime) { const r = Math.pow(p, power); out.push((r - Math.floor(r)) * 2 ** 32 | 0); }
    }
    return out;
  };
  const start = roots(8, 1 / 2), rounds = roots(64, 1 / 3);
  const sha256 = text => {
    const bytes = new TextEncoder().encode(text), blocks = (bytes.length + 8 >> 6) + 1;
    const words = new DataView(new ArrayBuffer(blocks * 64));
    bytes.forEach((b, i) => words.setUint8(i, b));
    words.setUint8(bytes.length, 128);
    words.setUint32(blocks * 64 - 8, Math.floor(bytes.length / 2 ** 29));
    words.setUint32(blocks * 64 - 4, bytes.length << 3);
    const turn = (x, n) => x >>> n | x << 32 - n, hash = start.slice(), w = new Int32Array(64);
    for (let at = 0; at < blocks * 64; at += 64) {
      for (let i = 0; i < 64; i++) {
        if (i < 16) { w[i] = words.getInt32(at + 4 * i); continue; }
        const a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >>> 3) + w[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ b >>> 10);
      }
      let [a, b, c, d, e, f, g, h] = hash;
      for (let i = 0; i < 64; i++) {
        const x = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + (e & f ^ ~e & g) + rounds[i] + w[i] | 0;
        const y = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + (a & b ^ a & c ^ b & c) | 0;
        h = g; g = f; f = e; e = d + x | 0; d = c; c = b; b = a; a = x + y | 0;
      }
      [a, b, c, d, e, f, g, h].forEach((v, i) => { hash[i] = hash[i] + v | 0; });
    }
    return hash.map(v => (v >>> 0).toString(16).padStart(8, "0")).join("");
  };

  // The figures. docs/kpis.md says how each kind is made of its sums.
  const total = (steps, of) => steps.reduce((sum, s) => sum + (s[of] || 0), 0);
  const middle = cell => { // of a cell of the histogram, which has 64 for each doubling
    if (cell < 64) return cell;
    const size = 2 ** (Math.floor(cell / 64) - 1);
    return (cell % 64 + 64) * size + (size - 1) / 2;
  };
  const quantile = (steps, q) => {
    const cells = new Map();
    for (const s of steps) for (const [cell, n] of Object.entries(s.hist || {})) cells.set(+cell, (cells.get(+cell) || 0) + n);
    let rank = Math.max(1, Math.ceil(q * [...cells.values()].reduce((a, b) => a + b, 0)));
    for (const cell of [...cells.keys()].sort((a, b) => a - b)) if ((rank -= cells.get(cell)) <= 0) return middle(cell);
    return NaN;
  };
  const samples = { max: v => Math.max(...v), min: v => Math.min(...v), last: v => v[v.length - 1], average: v => v.reduce((a, b) => a + b, 0) / v.length };
  const value = (sums, of) => {
    const steps = (of === "value" ? sums.now : sums.before) || [], seconds = of === "value" ? sums.seconds : sums.seconds_before;
    switch (sums.kind) {
      case "count": return total(steps, "part");
      case "rate": return total(steps, "part") / seconds * sums.per;
      case "ratio": return 100 * total(steps, "part") / total(steps, "whole");
      case "average": return total(steps, "sum") / total(steps, "part") * sums.scale;
      case "percentile": return quantile(steps, sums.percentile / 100) * sums.scale;
      case "uptime": return Math.min(...steps.map(s => 100 * (s.up || 0) / ((s.up || 0) + (s.down || 0))));
      case "downtime": return Math.max(...steps.map(s => (s.down || 0) / 1e6 / sums.per));
      case "promql": return samples[sums.of || "average"](steps.map(s => s.sum || 0)) * sums.scale;
    }
    return NaN;
  };
  const written = (v, decimals, unit) => {
    let text = Math.abs(v).toFixed(decimals).replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ",");
    if (v < 0 && /[1-9]/.test(text)) text = "−" + text;
    return unit ? text + " " + unit : text;
  };
  // computed returns what a cell has to say, and whether it says it.
  const computed = (cell, said) => {
    const [kpi, of, decimals] = cell.dataset.k.split(" "), sums = carried.sums[kpi];
    if (!sums) return ["", false];
    const v = value(sums, of), text = written(v, +decimals, sums.unit);
    if (sums.exact) { // computed of the events; the histogram is within 1 % of that
      const number = parseFloat(said.replace(/,/g, ""));
      return [text, said.endsWith(sums.unit) && Math.abs(number - v) <= Math.abs(v) * 0.01 + 0.5 * 10 ** -decimals];
    }
    return [text, [1, 1 - 1e-12, 1 + 1e-12].some(f => written(v * f, +decimals, sums.unit) === said)]; // sums are added in another order
  };

  // Every text, with what is drawn in it. All is read before anything is marked.
  const main = document.querySelector("main");
  const digest = e => sha256(e.textContent + [...e.querySelectorAll("[d],[class]")].map(x => "\n" + (x.getAttribute("class") || "") + " " + (x.getAttribute("d") || "")).join("")).slice(0, 16);
  const parts = [...main.querySelectorAll(carried.parts)], digests = parts.map(digest);
  const edited = new Map(); // element: what it would have to say, "" where that is not known
  let missing = 0;
  if (parts.length === carried.digests.length) {
    parts.forEach((e, i) => { if (digests[i] !== carried.digests[i]) edited.set(e, ""); });
  } else {
    const left = new Map();
    for (const d of carried.digests) left.set(d, (left.get(d) || 0) + 1);
    parts.forEach((e, i) => { const n = left.get(digests[i]) || 0; if (n > 0) left.set(digests[i], n - 1); else edited.set(e, ""); });
    for (const n of left.values()) missing += n;
  }
  const cells = [...main.querySelectorAll("td[data-k]")];
  for (const cell of cells) {
    const first = cell.firstChild, said = (first && (first.nodeType === 3 || first.nodeName === "A") ? first.textContent : cell.textContent).trim();
    const [text, right] = computed(cell, said);
    if (!right) edited.set(cell, text);
  }
  const lines = [...main.querySelectorAll(".tx[data-sha256]")], proofs = carried.evidence || [];
  lines.forEach((e, i) => { if (sha256(e.textContent) !== proofs[i]) edited.set(e, ""); });
  if (cells.length < carried.cells) missing += carried.cells - cells.length;

  const count = (n, one, many) => (n === 1 ? "1 " + one : String(n).replace(/\B(?=(\d{3})+$)/g, ",") + " " + many);
  const note = document.createElement("p"), bold = document.createElement("b");
  note.id = "checked";
  note.setAttribute("role", "status");
  if (edited.size + missing === 0) {
    note.className = "ok";
    bold.textContent = "Checked in this browser: as issued. ";
    note.append(bold, count(cells.length, "figure was", "figures were") + " computed again from the sums that this page carries, " +
      (lines.length ? count(lines.length, "record of evidence has", "records of evidence have") + " the SHA-256 that stands with it, " : "") + count(parts.length, "text is", "texts are") + " unchanged.");
  } else {
    note.className = "bad";
    bold.textContent = "Edited after issue: " + [edited.size && count(edited.size, "place", "places"), missing && count(missing, "missing part", "missing parts")].filter(Boolean).join(", ") + ". ";
    note.append(bold, "What differs from what was issued is marked below.");
  }
  for (const [e, text] of edited) {
    const mark = document.createElement("span");
    mark.className = "was";
    mark.textContent = text ? "edited: the sums give " + text : "edited after issue";
    e.classList.add("edited");
    e.append(mark);
  }
  document.querySelector(".head").after(note);
})();
