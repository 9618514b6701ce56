package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/internal/example"
)

// revisions is a fleet's folder as git-sync keeps it: a link to the revision.
type revisions struct {
	t    *testing.T
	link string
}

// change is a change of a revision's files, by name: their new text, or gone for a file or
// folder that is none any more.
type change map[string]string

const gone = "\x00"

// commit makes the link lead to testdata/fleet with changes.
func (r revisions) commit(changes change) {
	r.t.Helper()
	dir := filepath.Join(r.t.TempDir(), "revision")
	if err := os.CopyFS(dir, os.DirFS("../../testdata/fleet")); err != nil {
		r.t.Fatal(err)
	}
	for name, text := range changes {
		name = filepath.Join(dir, name)
		if text == gone {
			if err := os.RemoveAll(name); err != nil {
				r.t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			r.t.Fatal(err)
		}
		write(r.t, name, text)
	}
	r.to(dir)
}

func (r revisions) to(dir string) {
	r.t.Helper()
	next := r.link + ".next"
	if err := os.Symlink(dir, next); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(next, r.link); err != nil {
		r.t.Fatal(err)
	}
}

// fleet is what the program says of its fleet.
func (r *running) fleet() (s summary) {
	r.t.Helper()
	code, text := r.get("/fleet")
	if err := json.Unmarshal([]byte(text), &s); err != nil || code != http.StatusOK {
		r.t.Fatalf("%d %s %v", code, text, err)
	}
	return s
}

// why is why the newest revision is not judged by.
func (r *running) why() string {
	if f := r.fleet().NotLoaded; f != nil {
		return f.Why
	}
	return ""
}

const syntax = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [\n"

func kept(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../testdata/fleet/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// renamed moves the folder of clusters, and leaves what leads there.
func renamed(t *testing.T) change {
	moved := change{"clusters": gone}
	files, err := example.Copy(os.DirFS("../../testdata/fleet"))
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range files {
		if rest, ok := strings.CutPrefix(name, "clusters/"); ok {
			moved["sites/"+rest] = string(file.Data)
		}
	}
	return moved
}

// instead is a file of the fleet with a text in the place of another.
func instead(t *testing.T, name, old, new string) change {
	t.Helper()
	text := kept(t, name)
	if !strings.Contains(text, old) {
		t.Fatalf("%s has no %q", name, old)
	}
	return change{name: strings.ReplaceAll(text, old, new)}
}

const (
	ottawa, robbinsdale = "clusters/talos-ottawa/", "clusters/talos-robbinsdale/"
	inFull              = " is gone because the revision cannot be read in full: "
	asKarmada           = `API server "talos-ottawa/karmada-system/karmada-kubeconfig"`
	asAgent             = `agent "talos-robbinsdale/karmada-system/karmada-agent"`
	empty               = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: []\n"
)

// TestRevisionsProveThemselves brings revisions that lose something: what is lost by mistake is kept, and
// what was taken away is gone.
func TestRevisionsProveThemselves(t *testing.T) {
	t.Parallel()
	r := revisions{t, filepath.Join(t.TempDir(), "fleet")}
	r.commit(nil)
	p := start(t, "--fleet", r.link, "--fleet-interval", "100ms", "--self-signed")
	for _, base := range []struct {
		name    string
		is      change
		refused map[string]revisionCase
		taken   map[string]change
	}{
		{"the configuration lists the members", nil, map[string]revisionCase{
			"a: b in place of the fleet": {change{"clusters": gone, ".rollcall.yaml": gone, "x.yaml": "a: b\n"},
				"there is no fleet: no cluster has an object"},
			"one object in place of the fleet": {change{"clusters": gone, ".rollcall.yaml": gone,
				"x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: x}\n"},
				"none of the fleet's clusters is left: talos-ottawa, talos-robbinsdale, talos-stpetersburg"},
			"nothing": {change{"clusters": gone, ".rollcall.yaml": gone, ".sops.yaml": gone},
				"there is no fleet: it has no YAML file"},
			"everything excluded": {change{".rollcall.yaml": "exclude: [clusters]\n"},
				"there is no fleet: no cluster has an object"},
			"an entry point": {change{ottawa + "kustomization.yaml": syntax},
				`everything in cluster "talos-ottawa"` + inFull + ottawa + "kustomization.yaml:3: syntax"},
			"another entry point": {change{robbinsdale + "kustomization.yaml": syntax},
				`everything in cluster "talos-robbinsdale"` + inFull + robbinsdale + "kustomization.yaml:3: syntax"},
			"an entry point that is void": {change{ottawa + "kustomization.yaml": ""},
				`everything in cluster "talos-ottawa" is gone, and not all of it: ` + ottawa +
					"apps.yaml is still there"},
			"an entry point that is gone": {change{robbinsdale + "kustomization.yaml": gone},
				asAgent + inFull + robbinsdale + "apps/karmada-agent/ks.yaml: unknown absent"},
			"a Kustomization": {change{ottawa + "apps.yaml": syntax},
				asKarmada + inFull + ottawa + "apps.yaml:3: syntax"},
			"a list below": {change{ottawa + "apps/kustomization.yaml": syntax},
				asKarmada + inFull + ottawa + "apps/kustomization.yaml:3: syntax"},
			"a conflict": {instead(t, ottawa+"apps/karmada-system/kustomization.yaml", "apiVersion",
				"<<<<<<< HEAD\napiVersion"),
				asKarmada + inFull + ottawa + "apps/karmada-system/kustomization.yaml:2: syntax"},
			"clusters renamed": {renamed(t), asKarmada + inFull +
				"sites/talos-ottawa/flux-system/gotk-sync.yaml: unknown absent"},
			"a broken configuration": {change{".rollcall.yaml": "memberz: []\n"},
				`/.rollcall.yaml:1:1: unknown key "memberz"; did you mean "members"?`},
			"a broken rule": {change{".rollcall.yaml": "rulePaths: [rules]\n",
				"rules/a.rego": "package a\nviolation contains"}, "read the rules: "},
			"a rule without METADATA": {change{".rollcall.yaml": "rulePaths: [rules]\n",
				"rules/a.rego": "package rules[\"a\"]\nviolation contains {} if input.object\n"},
				`rule "a" has no METADATA above its package`},
			"a rule folder that is no": {change{".rollcall.yaml": "rulePaths: [rules]\n"},
				"/rules: no such file or folder"},
		}, map[string]change{
			"a member taken away": {".rollcall.yaml": "members: [ottawa, stpetersburg]\n",
				"clusters/talos-robbinsdale": gone},
			"Karmada taken away": merged(change{ottawa + "apps/karmada-system": gone},
				instead(t, ottawa+"apps/kustomization.yaml", "  - karmada-system\n", "")),
		}},
		{"agents make the members", change{".rollcall.yaml": gone}, map[string]revisionCase{
			"an entry that leads nowhere": {instead(t, robbinsdale+"apps/kustomization.yaml", "karmada-agent",
				"karmada-agnt"),
				asAgent + inFull + robbinsdale + "apps/kustomization.yaml resources[0]: missing-resource"},
			"an entry that leads to another server": {instead(
				t, robbinsdale+"apps/kustomization.yaml", "karmada-agent",
				"https://bot:swordfish@example.com/a/b?ref=v1"),
				asAgent + inFull + robbinsdale + "apps/kustomization.yaml resources[0]: unknown remote-base"},
			"an agent": {change{robbinsdale +
				"apps/karmada-agent/app/helmrelease.yaml": "apiVersion: a\n  swordfish: c\n"},
				asAgent + inFull + robbinsdale + "apps/karmada-agent/app/helmrelease.yaml:2: syntax"},
			"a path": {instead(t, robbinsdale+"apps/karmada-agent/ks.yaml", "karmada-agent/app", "karmada-agent/none"),
				asAgent + inFull + robbinsdale + "apps/karmada-agent/ks.yaml: unknown absent"},
		}, map[string]change{
			"a member taken away, and a file broken that nothing reads": {
				"clusters/talos-robbinsdale": gone, "docs/x.yaml": "a: b: c\n"},
			"an agent taken away": merged(change{robbinsdale + "apps/karmada-agent": gone},
				instead(t, robbinsdale+"apps/kustomization.yaml", "  - karmada-agent\n", "")),
		}},
	} {
		t.Run(base.name, func(t *testing.T) {
			n := 0
			again := func() string {
				n++
				last := p.digest()
				r.commit(merged(base.is, change{"note.md": fmt.Sprint(base.name, n)}))
				p.await("the whole revision is judged by", func() bool { return p.digest() != last && p.why() == "" })
				return p.digest()
			}
			serving := again()
			for name, c := range base.refused {
				if p.why() != "" { // two may be refused for the same reason
					serving = again()
				}
				before := p.why()
				r.commit(merged(base.is, c.change, change{"note.md": name}))
				p.await(name+" is seen", func() bool { return p.digest() != serving || p.why() != before })
				if why := p.why(); p.digest() != serving || !strings.Contains(why, c.why) ||
					strings.Contains(why, "swordfish") {
					t.Errorf("%s: taken %v, %q\n want %q", name, p.digest() != serving, why, c.why)
				}
				if n == 1 {
					p.showsWhy(c.why)
				}
			}
			for name, c := range base.taken {
				serving := again()
				r.commit(merged(base.is, c, change{"note.md": name}))
				p.await(name+" is taken", func() bool { return p.digest() != serving })
			}
		})
	}
}

type revisionCase struct {
	change change
	why    string
}

// merged is several changes, of which the last wins.
func merged(all ...change) change {
	m := change{}
	for _, c := range all {
		maps.Copy(m, c)
	}
	return m
}

// showsWhy: the program is ready, and says everywhere that the newest revision is not judged by, and why.
func (r *running) showsWhy(why string) {
	r.t.Helper()
	code, text := r.get("/readyz?verbose")
	line, _, _ := strings.Cut(text, "\n")
	if code != http.StatusOK || !strings.HasPrefix(line, "[+]fleet ok: judged by sha256:") ||
		!strings.Contains(line, "; the newest is not loaded since ") ||
		!strings.Contains(line, why) || !strings.HasSuffix(text, "\nreadyz check passed\n") {
		r.t.Errorf("%d %s", code, text)
	}
	if code, text := r.get("/readyz"); code != http.StatusOK || text != "ok" {
		r.t.Errorf("%d %s", code, text)
	}
	if _, text := r.get("/metrics"); !strings.Contains(text, "\nrollcall_fleet_stale 1\n") ||
		strings.Contains(text, `rollcall_fleet_loads_total{result="failure"} 0`) {
		r.t.Errorf("the metrics do not tell: %s", text)
	}
	if line := r.logs.find(r.t, "the fleet could not be loaded"); !strings.Contains(fmt.Sprint(r.logs.lines), why) ||
		line["serving"] != true {
		r.t.Errorf("the log does not tell: %v", line)
	}
}

// TestFirstRevision starts with a fleet that must not be judged by: the program lives, is not ready, and says why.
func TestFirstRevision(t *testing.T) {
	for name, c := range map[string]struct {
		change change
		flags  string
		why    string // empty where it is taken
	}{
		"a: b": {change{"clusters": gone, ".rollcall.yaml": gone, "x.yaml": "a: b\n"}, "",
			"there is no fleet: no cluster has an object"},
		"an entry point": {change{ottawa + "kustomization.yaml": syntax}, "",
			`cluster "talos-ottawa" has no object because the revision cannot be read in full: ` + ottawa +
				"kustomization.yaml:3: syntax"},
		"that of the asker": {change{ottawa + "kustomization.yaml": syntax}, "--api-server talos-ottawa",
			`cluster "talos-ottawa" has no object because`},
		"that of another": {change{ottawa + "kustomization.yaml": syntax}, "--api-server talos-robbinsdale", ""},
		"no such API server": {nil, "--api-server talos-otawa",
			`the fleet has no API server "talos-otawa", which --api-server names; did you mean "talos-ottawa"?; ` +
				"it has talos-ottawa, talos-ottawa/karmada-system/karmada-kubeconfig, talos-robbinsdale, talos-stpetersburg"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := revisions{t, filepath.Join(t.TempDir(), "fleet")}
			r.commit(c.change)
			p := launch(t, append([]string{"--fleet", r.link, "--fleet-interval", "100ms", "--self-signed"},
				strings.Fields(c.flags)...)...)
			if c.why == "" {
				p.await("it is ready", func() bool { code, _ := p.get("/readyz"); return code == http.StatusOK })
				return
			}
			if line := p.logs.find(t, "the fleet could not be loaded"); !strings.HasPrefix(
				fmt.Sprint(line["error"]), c.why) || line["serving"] != false {
				t.Errorf("%v", line)
			}
			for _, path := range []string{"/readyz", "/readyz/fleet", "/readyz?verbose"} {
				if code, text := p.get(path); code != http.StatusInternalServerError ||
					!strings.Contains(text, "[-]fleet failed: no fleet is loaded yet: "+c.why) {
					t.Errorf("%s: %d %s", path, code, text)
				}
			}
			if code, text := p.get("/fleet"); code != http.StatusServiceUnavailable ||
				!strings.HasPrefix(text, "no fleet is loaded yet: "+c.why) {
				t.Errorf("%d %s", code, text)
			}
			if code, _, text, err := p.post("/validate", bytes.NewReader(
				testdata(t, "seed-policy.json"))); code != http.StatusServiceUnavailable || err != nil {
				t.Errorf("%d %s %v", code, text, err)
			}
			if code, _ := p.get("/healthz"); code != http.StatusOK {
				t.Error("it does not live")
			}
			if name != "no such API server" {
				r.commit(nil)
				p.await("it is ready", func() bool { code, _ := p.get("/readyz"); return code == http.StatusOK })
			}
		})
	}
}

// TestAskingServerStays takes away the API server that asks, as whole as can be.
func TestAskingServerStays(t *testing.T) {
	without := merged(change{ottawa + "apps/karmada-system": gone},
		instead(t, ottawa+"apps/kustomization.yaml", "  - karmada-system\n", ""))
	for name, c := range map[string]struct{ flags, asks, why string }{
		"by its ID": {"", karmada, "the fleet has no " + asKarmada +
			", which has asked within the last hour; it has talos-ottawa, talos-robbinsdale, talos-stpetersburg"},
		"by the flag": {"--api-server " + strings.TrimPrefix(karmada, "/validate/"), "",
			"the fleet has no " + asKarmada + ", which --api-server names"},
		"not at all": {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := revisions{t, filepath.Join(t.TempDir(), "fleet")}
			r.commit(nil)
			p := start(t, append([]string{"--fleet", r.link, "--fleet-interval", "100ms", "--self-signed"},
				strings.Fields(c.flags)...)...)
			if c.asks != "" && p.ask(c.asks+"?timeout=30s", "seed-policy.json").Allowed {
				t.Error("allowed")
			}
			serving := p.digest()
			r.commit(without)
			p.await("it is seen", func() bool { return p.why() != "" || p.digest() != serving })
			if why := p.why(); !strings.HasPrefix(why, c.why) || (p.digest() == serving) != (c.why != "") {
				t.Errorf("%s", why)
			}
			if c.asks != "" && p.ask(c.asks+"?timeout=30s", "seed-policy.json").Allowed {
				t.Error("allowed")
			}
		})
	}
}

// TestHangingLoad brings a rule without an end: the next revision is judged by all the same, once the load has had its
// time, or takes long and there is a newer one.
func TestHangingLoad(t *testing.T) {
	for limit, why := range map[string]string{
		"3s":  "it did not load within 3s (--load-timeout)",
		"10m": "",
	} {
		t.Run(limit, func(t *testing.T) {
			t.Parallel()
			r := revisions{t, filepath.Join(t.TempDir(), "fleet")}
			r.commit(nil)
			p := start(t, "--fleet", r.link, "--fleet-interval", "100ms", "--self-signed", "--load-timeout", limit)
			serving := p.digest()
			r.commit(change{".rollcall.yaml": "rulePaths: [rules]\n", "rules/endless.rego": endless})
			if why == "" {
				time.Sleep(time.Second) // until it is being loaded
			} else {
				p.await("it is given up", func() bool { return p.why() != "" })
			}
			if got := p.why(); got != why || p.digest() != serving {
				t.Errorf("%s", got)
			}
			r.commit(change{"note.md": "mended\n"})
			p.await("the next one is judged by", func() bool { return p.digest() != serving && p.why() == "" })
		})
	}
}

const endless = `# METADATA
# title: Nothing ends
# description: It counts.
# custom:
#   subjects: [Cluster]
#   severity: error
#   fix: Count no more.
package rules["endless"]

violation contains {"message": "x", "field": []} if {
	some a in numbers.range(1, 10000)
	some b in numbers.range(1, 10000)
	some c in numbers.range(1, 10000)
	a + b + c == 0
}
`
