"use strict";
// The page of a fleet. All that it shows is in the element "data"; it asks nobody for anything.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

// el makes an element. What it is given are texts and elements, never markup.
function el(name, attributes, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === "class") e.className = value;
    else if (value !== null && value !== undefined) e.setAttribute(key, value);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
}

const plural = (n, word) => n + " " + word + (n === 1 ? "" : "s");

function counted(f) {
  const parts = [];
  if (f.error) parts.push(plural(f.error, "error"));
  if (f.warning) parts.push(plural(f.warning, "warning"));
  if (f.info) parts.push(plural(f.info, "info"));
  return parts.join(", ");
}

const gravest = (f) => (f.error ? "error" : f.warning ? "warning" : "good");

function card(title, findings, ...lines) {
  const told = counted(findings);
  return el("div", { class: "card " + gravest(findings) }, el("strong", {}, title),
    ...lines.filter(Boolean).map((line) => el("small", {}, line, el("br"))),
    told ? el("small", { class: gravest(findings) + "-text" }, told) : null);
}

function drawMap() {
  const m = data.map;
  const column = (title, cards) => el("div", {}, el("h3", {}, title), ...(cards.length ? cards : [el("p", { class: "soft" }, "none in Git")]));
  byId("columns").append(
    column("Flux clusters", m.clusters.map((c) => card(c.name, c.findings,
      c.started ? "starts at " + c.entry : "nothing tells where Flux starts",
      plural(c.kustomizations, "Kustomization") + (c.suspended ? ", " + c.suspended + " suspended" : "") + ", " + plural(c.objects, "object"),
      ...Object.entries(c.objectsElsewhere).map(([server, n]) => plural(n, "object") + " to " + server),
      c.unknown ? plural(c.unknown, "place") + " unknown" : ""))),
    column("Control planes", m.controlPlanes.map((p) => card(p.name, p.findings, "in " + p.cluster, p.version ? "Karmada " + p.version : "version unknown"))),
    column("Members", m.members.map((x) => card(x.name, x.findings, x.cluster ? "Flux cluster " + x.cluster : "",
      x.mode === "Push" ? "pushed to" : x.agents ? plural(x.agents, "agent") : "no agent in Git", plural(x.replicas, "replica") + " while all are healthy"))));
}

// lost are the members that are lost, in order.
let lost = [];

// answer is what becomes of a policy's workload with these members lost; null where that was not computed.
function answer(policy, members) {
  const table = data.answers[policy.answers] || [];
  const own = members.filter((m) => policy.members.includes(m));
  return table.find((s) => s.lost.length === own.length && s.lost.every((m, i) => m === own[i])) || null;
}

function drawMatrix() {
  const members = data.map.members.map((m) => m.name);
  const head = el("tr", {}, el("th", { scope: "col" }, "Policy"), el("th", { scope: "col" }, "Workload"),
    ...members.map((name) => {
      const pressed = lost.includes(name);
      const button = el("button", { type: "button", "aria-pressed": String(pressed), title: (pressed ? "bring back " : "lose ") + name }, name);
      button.addEventListener("click", () => lose(pressed ? lost.filter((m) => m !== name) : [...lost, name]));
      return el("th", { scope: "col", class: pressed ? "lost" : "" }, button);
    }), el("th", { scope: "col" }, "Outcome"));
  const rows = data.policies.map((p) => {
    const healthy = answer(p, []), now = answer(p, lost);
    const cells = members.map((name) => {
      const before = healthy && healthy.replicas ? healthy.replicas[name] || 0 : 0;
      const n = now && now.replicas ? now.replicas[name] || 0 : null;
      const kind = lost.includes(name) ? " lost" : n !== null && n > before ? " moved" : "";
      return el("td", { class: "n" + kind }, n === null ? "?" : n ? String(n) : "·");
    });
    const outcome = now ? now.outcome + (now.why ? ": " + now.why : "") : "not computed here: rollcall failover " + p.name + " " + lost.map((m) => "--lose " + m).join(" ");
    return el("tr", {}, el("th", { scope: "row" }, (p.namespace ? p.namespace + "/" : "") + p.name), el("td", {}, p.workload || "–"), ...cells,
      el("td", { class: "outcome " + (now && (now.outcome === "pending" || now.outcome === "refused") ? "error-text" : "soft") }, outcome));
  });
  byId("matrix").replaceChildren(el("caption", { class: "soft" }, data.leftOut ? data.leftOut + " more are left out" : ""), el("thead", {}, head), el("tbody", {}, ...rows));
  byId("losing").textContent = lost.length ? "Lost, in this order: " + lost.join(", ") + ". A cell is the number of replicas then." :
    members.length ? "Choose a member to lose it. A cell is the number of replicas while all members are healthy." : "Git shows no member of Karmada.";
}

function lose(members) {
  lost = members;
  history.replaceState(null, "", members.length ? "#lose=" + members.map(encodeURIComponent).join(",") : "#policies");
  drawMatrix();
}

// maxListed bounds the findings in the document; the filters look at all.
const maxListed = 500;

function drawFindings() {
  const severities = [...document.querySelectorAll("input[name=severity]:checked")].map((i) => i.value);
  const words = byId("text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = data.report.findings.filter((f) => severities.includes(f.severity) &&
    words.every((w) => [f.file, f.rule, f.message, f.fix].some((t) => (t || "").toLowerCase().includes(w))));
  byId("shown").textContent = fits.length > maxListed ? "the first " + maxListed + " of " + fits.length : plural(fits.length, "finding");
  byId("list").replaceChildren(...fits.slice(0, maxListed).map((f) => el("li", {},
    el("span", { class: f.severity + "-text" }, f.severity), " ", f.message, " ", el("code", {}, "[" + f.rule + "]"),
    el("p", { class: "soft" }, el("code", {}, f.file + (f.line ? ":" + f.line : ""))),
    f.fix ? el("p", {}, "Fix: " + f.fix) : null)));
}

function drawCoverage() {
  const c = data.report.coverage, m = data.map;
  byId("followed").append(
    el("p", {}, c.kustomizations.followed + " of " + c.kustomizations.inFiles + " Flux Kustomizations in the files are followed."),
    el("p", {}, m.unreached.length ? "No cluster reconciles these folders with manifests:" : "Every folder with manifests is reconciled by a cluster."),
    el("ul", {}, ...m.unreached.slice(0, 100).map((folder) => el("li", {}, el("code", {}, folder)))));
}

byId("summary").textContent = data.report.root + " · " + plural(data.map.clusters.length, "Flux cluster") + ", " + plural(data.map.members.length, "member") +
  " · " + (counted(data.report.summary) || "no findings");
drawMap();
const wanted = /^#lose=(.+)$/.exec(location.hash);
const names = new Set(data.map.members.map((m) => m.name));
lost = wanted ? wanted[1].split(",").map(decodeURIComponent).filter((m) => names.has(m)) : [];
drawMatrix();
drawFindings();
drawCoverage();
byId("filters").addEventListener("input", drawFindings);
byId("filters").addEventListener("submit", (e) => e.preventDefault());
