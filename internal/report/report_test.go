package report

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

var update = flag.Bool("update", false, "write the golden files")

const policyFile = "clusters/talos-ottawa/apps/policy.yaml"

var tree = fstest.MapFS{
	policyFile: {Data: []byte(`apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata:
  name: my-app
spec:
  placement:
    clusterAffinity:
      clusterNames:
        - ottawa
        - robinsdale
`)},
	"clusters/talos-ottawa/apps/secret.yaml": {Data: []byte(`apiVersion: v1
kind: Secret
metadata: {name: db}
stringData:
  password: hunter2
`)},
}

func sample() *Report {
	f := &fleet.Fleet{
		Members: map[string]fleet.Member{"ottawa": {}, "robbinsdale": {}},
		Clusters: map[string]fleet.Cluster{"talos-ottawa": {
			Name: "talos-ottawa", Entry: "clusters/talos-ottawa", Declared: true,
			Incomplete: []fleet.Incomplete{{Kind: fleet.UnknownRemoteBase, Why: "remote"}}}},
		Kustomizations: map[string]fleet.Kustomization{"a": {
			Incomplete: []fleet.Incomplete{{Kind: fleet.UnknownRemoteBase, Why: "remote"},
				{Kind: fleet.UnknownSource, Why: "elsewhere"}}}},
		Files: map[string]fleet.File{policyFile: {}},
		Objects: map[string]map[string]map[string]map[string]*fleet.Object{"talos-ottawa": {
			"PropagationPolicy.policy.karmada.io": {"default": {
				"my-app": {Content: map[string]any{"spec": map[string]any{
					"placement": map[string]any{"clusterAffinity": map[string]any{
						"clusterNames": []any{"ottawa", "robinsdale"}}},
				}}}}},
		}},
	}
	findings := []fleet.Finding{
		{
			Rule:     "secret-encrypted",
			Severity: fleet.Warning,
			Message:  "the Secret \"db\" is not encrypted; encrypt it with SOPS",
			Object: fleet.ObjectRef{Cluster: "talos-ottawa", APIServer: "talos-ottawa", Kind: "Secret",
				Namespace: "default", Name: "db"},
			Field: []any{"stringData", "password"},
			Place: fleet.Place{Origin: fleet.Origin{File: "clusters/talos-ottawa/apps/secret.yaml"},
				Line: 5, Column: 13, EndLine: 5, EndColumn: 20},
		},
		{
			Rule:     "policy-names-members",
			Severity: fleet.Error,
			Message:  `no member cluster is called "robinsdale"; 100% sure, <robbinsdale> is near`,
			Fix:      "correct the name, or register the cluster",
			Object: fleet.ObjectRef{Cluster: "talos-ottawa", APIServer: "talos-ottawa", Group: "policy.karmada.io",
				Kind: "PropagationPolicy", Namespace: "default", Name: "my-app"},
			Field: []any{"spec", "placement", "clusterAffinity", "clusterNames", 1},
			Place: fleet.Place{Origin: fleet.Origin{File: policyFile}, Line: 10, Column: 11, EndLine: 10,
				EndColumn: 21},
			Related: []fleet.Related{{
				Message: "the members are declared here",
				Place: fleet.Place{Origin: fleet.Origin{File: ".rollcall.yaml"}, Line: 3, Column: 1, EndLine: 3,
					EndColumn: 8},
			}},
		},
		{
			Rule:     "member-has-agent",
			Severity: fleet.Info,
			Message:  "nothing\nregisters \"st\x1b[31mpetersburg\"",
			Object:   fleet.ObjectRef{Kind: "Member", Name: "stpetersburg"},
		},
	}
	r := New(f, findings, []Rule{
		{ID: "member-has-agent", Title: "Every member has an agent", Severity: fleet.Error},
		{ID: "policy-names-members", Title: "A policy names only members", Description: "Karmada accepts any name.\n",
			Fix: "correct the name", Severity: fleet.Error, Doc: Home + "/blob/main/docs/rules.md#policy-names-members",
			Refs: []string{"https://karmada.io/docs/"}},
		{ID: "weight-at-least-one", Title: "A weight is at least one", Severity: fleet.Off},
	})
	r.Root, r.RootDir, r.WorkDir = "fleet", "/work/fleet", "/work"
	return r
}

func written(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func equal(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestText(t *testing.T) {
	r := sample()
	equal(t, written(t, func(w io.Writer) error { return r.Text(w, tree, TextOptions{Infos: true}) }),
		`in fleet:

error: no member cluster is called "robinsdale"; 100% sure, <robbinsdale> is near [policy-names-members]
  clusters/talos-ottawa/apps/policy.yaml:10:11
  10 |         - robinsdale
     |           ^^^^^^^^^^
  see .rollcall.yaml:3:1: the members are declared here
  fix: correct the name, or register the cluster

warning: the Secret "db" is not encrypted; encrypt it with SOPS [secret-encrypted]
  clusters/talos-ottawa/apps/secret.yaml:5:13
  5 |   password: ••••••
    |             ^^^^^^

info: nothing registers "st�[31mpetersburg" [member-has-agent]
`)
	// In the tree, paths are as the working directory sees them, and infos are counted.
	r.WorkDir = "/work/fleet/clusters"
	r.Findings = r.Findings[:2]
	r.Findings[1].Related = nil
	equal(t, written(t, func(w io.Writer) error { return r.Text(w, nil, TextOptions{}) }),
		`error: no member cluster is called "robinsdale"; 100% sure, <robbinsdale> is near [policy-names-members]
  talos-ottawa/apps/policy.yaml:10:11
  fix: correct the name, or register the cluster
`)
}

// One fault in many places is one block, and the fix of several faults is said once.
func TestTextOfManyPlaces(t *testing.T) {
	r := sample()
	at := func(file string, line int, message string) fleet.Finding {
		return fleet.Finding{Rule: "r", Severity: fleet.Error, Message: message, Fix: "Encrypt the file.",
			Place: fleet.Place{Origin: fleet.Origin{File: file}, Line: line, Column: 3}}
	}
	r.WorkDir = r.RootDir
	r.Findings = []fleet.Finding{at("a.yaml", 1, "one"), at("a.yaml", 2, "two"), at("a.yaml", 4, "one"),
		at("b.yaml", 7, "one"), at("", 0, "three")}
	r.Findings[3].Related = []fleet.Related{{Message: "the rule",
		Place: fleet.Place{Origin: fleet.Origin{File: "c.yaml"}, Line: 1, Column: 1}}}
	equal(t, written(t, func(w io.Writer) error { return r.Text(w, nil, TextOptions{}) }), `error: one [r]
  a.yaml:1:3, 4:3
  b.yaml:7:3
  see c.yaml:1:1: the rule

error: two [r]
  a.yaml:2:3

error: three [r]
  fix for these 3: Encrypt the file.
`)
}

// In a terminal lines end where it does, and the rule leads to its page.
func TestTextInTerminal(t *testing.T) {
	r := sample()
	r.Findings, r.WorkDir = r.Findings[1:2], r.RootDir
	got := written(t, func(w io.Writer) error { return r.Text(w, tree, TextOptions{Links: true, Width: 40}) })
	equal(t, strings.NewReplacer("\x1b]8;;\x1b\\", "<", "\x1b]8;;", "<", "\x1b\\", ">").Replace(got), `error: no member cluster is called
  "robinsdale"; 100% sure, <robbinsdale>
  is near <https://github.com/rollcall-dev/rollcall/blob/main/docs/rules.md#policy-names-members>[policy-names-members]<
  clusters/talos-ottawa/apps/policy.yaml:10:11
  10 |         - robinsdale
     |           ^^^^^^^^^^
  see .rollcall.yaml:3:1: the members
    are declared here
  fix: correct the name, or register the
    cluster
`)
}

func TestTextInColor(t *testing.T) {
	r := sample()
	r.Findings = r.Findings[1:2]
	r.Findings[0].Related = nil
	equal(t, strings.ReplaceAll(written(t, func(w io.Writer) error {
		return r.Text(w, tree, TextOptions{Color: true})
	}), "\x1b", "E"),
		`in fleet:

E[1;31merror:E[0m E[1mno member cluster is called "robinsdale"; 100% sure, <robbinsdale> is nearE[0m E[2m[policy-names-members]E[0m
  clusters/talos-ottawa/apps/policy.yaml:10:11
  E[2m10 |E[0m         - robinsdale
  E[2m   |E[0m           E[1;31m^^^^^^^^^^E[0m
  E[2mfix:E[0m correct the name, or register the cluster
`)
}

func TestSummary(t *testing.T) {
	r := sample()
	equal(t, written(t, func(w io.Writer) error { return r.WriteSummary(w, 1234*time.Millisecond, true) }),
		`1 error, 1 warning, 1 info
read 1 cluster, 2 members, 1 Kustomization and 1 object in 1 file, in 1.23s
2 places could not be followed in this repository and counted as unknown (remote-base 1, source 1); "rollcall facts --unknown" lists them
`)
	r.Summary.Fixable = 1
	if summary := written(t, func(w io.Writer) error { return r.WriteSummary(w, 0, true) }); !strings.HasPrefix(summary,
		"1 error, 1 warning, 1 info, 1 of them with a fix that --diff shows\n") {
		t.Errorf("summary with a fix:\n%s", summary)
	}
	r = New(&fleet.Fleet{}, nil, nil)
	r.Summary.Elsewhere = 2
	equal(t, written(t, func(w io.Writer) error { return r.WriteSummary(w, 0, true) }),
		`no findings, and 2 elsewhere in the fleet
read 0 clusters, 0 members, 0 Kustomizations and 0 objects in 0 files, in 0.00s
`)
}

func TestWriteFixes(t *testing.T) {
	r := sample()
	fixes := Fixes{Gone: 2, Files: 1, NewlyVisible: r.Findings[:1],
		Refused: []fleet.Refusal{{Finding: r.Findings[2], Why: errors.New("an alias\nstands there")},
			{Finding: r.Findings[1], Why: errors.New("a variable stands there")}}}
	equal(t, written(t, func(w io.Writer) error { return r.WriteFixes(w, fixes, "fixed") }),
		`fleet/clusters/talos-ottawa/apps/policy.yaml:10:11: not fixed: a variable stands there [policy-names-members]
fleet/clusters/talos-ottawa/apps/secret.yaml:5:13: not fixed: an alias stands there [secret-encrypted]
fleet: uncovered: nothing registers "st�[31mpetersburg" [member-has-agent]
2 findings fixed in 1 file
`)
	equal(t, written(t, func(w io.Writer) error { return r.WriteFixes(w, Fixes{}, "fixed") }), "nothing to fix\n")
}

func TestDiff(t *testing.T) {
	r := sample()
	old := "a: 1 \u202e\r\n---\r\nkind: Secret\r\nstringData: {a: hunter2}"
	diff := func(from, to string, color bool) string {
		return written(t, func(w io.Writer) error { return r.Diff(w, "a.yaml", []byte(from), []byte(to), color) })
	}
	equal(t, diff(old, "a: 2"+old[len("a: 1"):], false), "--- a/fleet/a.yaml\n+++ b/fleet/a.yaml\n@@ -1,4 +1,4 @@\n"+
		"-a: ••••••\r\n+a: ••••••\r\n ---\r\n kind: Secret\r\n stringData: {a: ••••••\n\\ No newline at end of file\n")
	equal(t, diff("a: 1\n", "a: 2\n", true), "\x1b[1m--- a/fleet/a.yaml\x1b[0m\n\x1b[1m+++ b/fleet/a.yaml\x1b[0m\n"+
		"\x1b[36m@@ -1,1 +1,1 @@\x1b[0m\n\x1b[31m-a: 1\x1b[0m\n\x1b[32m+a: 2\x1b[0m\n")
	// Where YAML counts other lines than everybody else, the mask could be one line off.
	equal(t, diff("a: \u2028\nb: 1\n", "a: \u2028\nb: 2\n", false),
		"--- a/fleet/a.yaml\n+++ b/fleet/a.yaml\nits lines cannot be shown\n")
}

func TestFails(t *testing.T) {
	for _, c := range []struct {
		summary Summary
		want    string // at error, warning, info, off
	}{
		{Summary{}, "----"},
		{Summary{Infos: 1}, "--x-"},
		{Summary{Warnings: 1}, "-xx-"},
		{Summary{Errors: 1}, "xxx-"},
	} {
		var got strings.Builder
		for _, at := range []fleet.Severity{fleet.Error, fleet.Warning, fleet.Info, fleet.Off} {
			if (&Report{Summary: c.summary}).Fails(at) {
				got.WriteByte('x')
			} else {
				got.WriteByte('-')
			}
		}
		equal(t, got.String(), c.want)
	}
}

func TestOneline(t *testing.T) {
	equal(t, written(t, sample().Oneline),
		`fleet: info: nothing registers "st�[31mpetersburg" [member-has-agent]
fleet/clusters/talos-ottawa/apps/policy.yaml:10:11: error: no member cluster is called "robinsdale"; 100% sure, <robbinsdale> is near [policy-names-members]
fleet/clusters/talos-ottawa/apps/secret.yaml:5:13: warning: the Secret "db" is not encrypted; encrypt it with SOPS [secret-encrypted]
`)
}

func TestGitHub(t *testing.T) {
	r := sample()
	r.Findings[2].Place.File = "a:b,c%.yaml"
	equal(t, written(t, r.GitHub),
		"::notice title=member-has-agent::nothing registers \"st\ufffd[31mpetersburg\"\n"+
			`::error file=fleet/clusters/talos-ottawa/apps/policy.yaml,line=10,endLine=10,col=11,title=policy-names-members::no member cluster is called "robinsdale"; 100%25 sure, <robbinsdale> is near%0Afix: correct the name, or register the cluster
::warning file=fleet/a%3Ab%2Cc%25.yaml,line=5,endLine=5,col=13,title=secret-encrypted::the Secret "db" is not encrypted; encrypt it with SOPS
`)
}

func TestJSON(t *testing.T) {
	golden(t, "sample.json", written(t, sample().JSON))
	r := New(&fleet.Fleet{}, nil, nil)
	if got := written(t, r.JSON); !strings.Contains(got, "\"findings\": []") {
		t.Errorf("without findings:\n%s", got)
	}
}

func TestSARIF(t *testing.T) {
	r := sample()
	r.Version = "1.2.3"
	got := written(t, r.SARIF)
	golden(t, "sample.sarif", got)
	parsed, err := sarif.FromString(got, sarif.WithStrictValidation())
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.Validate(); err != nil {
		t.Error(err)
	}
}

// Of very many findings of a rule the first are written, and the number of the others; all of them count.
func TestManyFindings(t *testing.T) {
	r := sample()
	one := r.Findings[2]
	r.Findings = slices.Concat(slices.Repeat([]fleet.Finding{one}, maxListed+7), r.Findings[:1])
	r.Summary.count(r.Findings)
	if r.Summary.Warnings != maxListed+7 || !r.Fails(fleet.Warning) {
		t.Errorf("%d warnings are counted", r.Summary.Warnings)
	}
	shown := fmt.Sprintf("… and %d more of the rule secret-encrypted", maxListed+7-maxShown)
	for name, c := range map[string]struct {
		write func(io.Writer) error
		each  string
		most  int
		last  string
	}{
		"text": {func(w io.Writer) error {
			return r.Text(w, tree, TextOptions{Infos: true})
		}, "5:13", maxShown, "\n\n" + shown + "\n"},
		"oneline": {r.Oneline, "[secret-encrypted]\n", maxShown, "[member-has-agent]\n" + shown + "\n"},
		"github":  {r.GitHub, "title=secret-encrypted::", maxShown, "\n::notice ::" + shown + "\n"},
		"json":    {r.JSON, `"rule": "secret-encrypted"`, maxListed, ""},
		"sarif":   {r.SARIF, `"ruleId": "secret-encrypted"`, maxListed, ""},
	} {
		got := written(t, c.write)
		if n := strings.Count(got, c.each); n != c.most || !strings.HasSuffix(got, c.last) ||
			!strings.Contains(got, "member-has-agent") {
			t.Errorf("%s: %d findings of the rule, want %d, and at the end %q: %q", name, n, c.most, c.last,
				got[len(got)-200:])
		}
	}
	if got := written(t, r.JSON); !strings.Contains(got,
		"\"findingsLeftOut\": {\n      \"secret-encrypted\": 7\n    }") {
		t.Errorf("the summary as JSON: %s", got[:1000])
	}
	if got := written(t, r.SARIF); !strings.Contains(got, `"… and 7 more of the rule secret-encrypted"`) {
		t.Error("SARIF says nothing of what it leaves out")
	}
}

// golden compares with a file in testdata; go test -update writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, string(want))
}

func TestLocationOutsideWorkingDirectory(t *testing.T) {
	r := sample()
	r.RootDir = "/work/fleet"
	for dir, want := range map[string]string{
		"/work/fleet":   "a%20b.yaml",
		"/work":         "fleet/a%20b.yaml",
		"/work/fleet/x": "a%20b.yaml",
		"/other":        "a%20b.yaml",
	} {
		r.WorkDir = dir
		got := *r.location(fleet.Place{Origin: fleet.Origin{File: "a b.yaml"}}).PhysicalLocation.ArtifactLocation.URI
		if got != want {
			t.Errorf("%s: %s, want %s", dir, got, want)
		}
	}
}
